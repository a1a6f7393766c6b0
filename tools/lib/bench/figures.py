"""The figures: their names, what they say, and how they come about."""

import statistics

# key, what it is, unit, True where more is better
FIGURES = (
    ("calls_per_cpu_s", "calls set up and ended per CPU second", "", True),
    ("invite_180_ms_p50", "INVITE to 180, median", "ms", False),
    ("invite_180_ms_p99", "INVITE to 180, 99 of 100", "ms", False),
    ("kb_per_held_call", "memory a held call", "KB", False),
    ("us_per_registration", "CPU a registration (two transactions)", "us",
     False),
    ("kb_per_line", "memory a registered user", "KB", False),
    ("packets_per_cpu_s_100", "packets relayed per CPU second, 100 calls",
     "", True),
    ("packets_per_cpu_s_800", "packets relayed per CPU second, 800 calls",
     "", True),
)
KEYS = tuple(key for key, *_ in FIGURES)


class Spoilt(Exception):
    """A run did not do what it was to measure."""


def complete(phase, what, say):
    """Tell of calls that failed; refuse the figures of more than a few."""
    good = phase["answered"] - phase["dropped"]
    if good == phase["begun"]:
        return
    text = ("%s: %d of %d calls answered, %d failed (last refusal %d), %d "
            "dropped" % (what, phase["answered"], phase["begun"],
                         phase["failed"], phase["last_refusal"],
                         phase["dropped"]))
    if good < 0.95 * phase["begun"]:
        raise Spoilt(text)
    say(text)


def lost(media):
    """Packets of voice that did not arrive, in thousandths of those sent."""
    sent = media["pbx_sent"] + media["teams_sent"]
    arrived = media["pbx_received"] + media["teams_received"]
    return 1000 * (sent - arrived) / sent if sent else 0


def per(amount, cost):
    """amount / cost, None when the cost is below what can be measured."""
    return amount / cost if cost > 0 else None


def of_calls(phase, say):
    complete(phase, "calls", say)
    return {"calls_per_cpu_s": per(phase["ended"], phase["cpu_s"]),
            "invite_180_ms_p50": phase["invite_180_ms_p50"],
            "invite_180_ms_p99": phase["invite_180_ms_p99"]}


def of_held(media, say):
    complete(media, "held calls", say)
    return {"kb_per_held_call": (media["rss_kb_held"]
                                 - media["rss_kb_before"])
            / media["answered"]}


def of_voice(media, calls, say):
    complete(media, "calls with voice", say)
    text = ("%d calls with voice: %.1f of 1000 packets lost, %d bad"
            % (calls, lost(media), media["bad"]))
    if not media["packets"] or media["bad"] > 0.01 * media["packets"]:
        raise Spoilt(text)
    # it counts what arrived, so it holds; but the core was at its limit, or
    # others had part of it
    if lost(media) > 1 or media["bad"]:
        say(text)
    return {"packets_per_cpu_s_%d" % calls: per(media["packets"],
                                                media["cpu_s"])}


def of_registrations(phase, end_cpu_s=None):
    """Cost of one; and each must have been a pair of transactions.

    @param end_cpu_s  CPU of the process when all that they leave behind is
                      done; None: what it had at the last answer counts"""
    if phase["refused"] or not phase["granted"]:
        raise Spoilt("registrations: %d granted, %d refused"
                     % (phase["granted"], phase["refused"]))
    if phase["requests"] < 1.9 * phase["granted"]:
        raise Spoilt("registrations: %d requests for %d grants, not two each"
                     % (phase["requests"], phase["granted"]))
    spent = (phase["cpu_s"] if end_cpu_s is None
             else end_cpu_s - phase["first_cpu_s"])
    return {"us_per_registration": 1e6 * spent / phase["granted"]}


def of_memory(many, few):
    """A line's memory out of two runs of unequal size."""
    return {"kb_per_line": (many["rss_kb"] - few["rss_kb"])
            / (many["users"] - few["users"])}


def middle(runs):
    """The median of each figure over several runs of dictionaries."""
    result = {}
    for key in KEYS:
        values = [run[key] for run in runs if run.get(key) is not None]
        result[key] = statistics.median(values) if values else None
    return result


def rounded(figures):
    """As many digits as mean something; whole packets and calls."""
    return {key: value if value is None else round(value)
            if value >= 1000 else round(value, 1 if value >= 10 else 3)
            for key, value in figures.items()}


def ratios(ours, theirs, names=FIGURES):
    """How many times better we are: above 1 is better, for each figure."""
    result = {}
    for key, _text, _unit, more in names:
        mine, other = ours.get(key), theirs.get(key)
        if not mine or not other:
            result[key] = None
        else:
            result[key] = round(mine / other if more else other / mine, 2)
    return result


def shown(value, unit):
    if value is None:
        return "-"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = "{:,}".format(value)
    return text + " " + unit if unit else text


def table(ours, theirs=None, better=None, names=FIGURES):
    """Lines of the table of figures."""
    head = ["", "callbridge"]
    if theirs:
        head += ["asterisk", "times better"]
    rows = [head]
    for key, text, unit, _more in names:
        row = ["%-22s %s" % (key, text), shown(ours[key], unit)]
        if theirs:
            row += [shown(theirs.get(key), unit), shown(better[key], "")]
        rows.append(row)
    width = max(len(row[0]) for row in rows)
    return ["%-*s" % (width, row[0])
            + "".join("%14s" % cell for cell in row[1:]) for row in rows]
