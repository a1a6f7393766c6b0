"""Files of cases: read into steps, and patterns compared with messages.

README.md tells how such a file is written.
"""

import re
from pathlib import Path

from message import plain_name, squeeze

FOLDER = Path(__file__).resolve().parent
STEP = re.compile(r"(\w+)(?::(\w+))?([<>]) (.+)")
ORDER = re.compile(r"(quiet|again|small|drop|resend|press|digits) (\w+)(?: (\d+)(?:ms)?)?")
BREAKS = re.compile(r"breaks ([\w-]+)")
RECORD = re.compile(r"record (\w+)(?: (.*))?")
HOLE = re.compile(r"\{([^{}]+)\}")


class Bad(Exception):
    """A case file that cannot be read."""


class Mismatch(Exception):
    """What came is not what the case says."""


class Step:
    """One line of action, or one message with its headers and body."""

    def __init__(self, where, kind, peer, dialog=None, start=None, number=0):
        self.where = where
        self.kind = kind            # send, receive, record, breaks, one of ORDER
        self.peer = peer
        self.dialog = dialog or ""
        self.start = start
        self.number = number
        self.headers = []           # (name as written, value)
        self.absent = []
        self.body = []

    def value(self, name):
        """The value that the case gives a header; None if it gives none."""
        name = plain_name(name)
        return next((value for key, value in self.headers
                     if plain_name(key) == name), None)

    def __str__(self):
        return "%s: %s" % (self.where, self.start or self.kind)


def lines_of(path, depth=0):
    """Lines with their place, included files in place, comments out."""
    if depth > 4:
        raise Bad("%s: included in a circle" % path)
    for number, line in enumerate(path.read_text().split("\n"), 1):
        if line.startswith("#"):
            continue
        if line.startswith("use "):
            yield from lines_of(FOLDER / "parts" / line[4:].strip(),
                                depth + 1)
        else:
            yield "%s:%d" % (path.name, number), line


def step_of(where, line):
    found = ORDER.fullmatch(line)
    if found:
        return Step(where, found[1], found[2], number=int(found[3] or 0))
    found = RECORD.fullmatch(line)
    if found:
        return Step(where, "record", found[1], found[2])
    found = BREAKS.fullmatch(line)
    if found:
        return Step(where, "breaks", found[1])
    found = STEP.fullmatch(line)
    if found:
        return Step(where, "receive" if found[3] == "<" else "send",
                    found[1], found[2], found[4])
    return None


def title(path):
    """The first line of comment."""
    first = path.read_text().split("\n", 1)[0]
    if not first.startswith("# "):
        raise Bad("%s: want a comment that names the case" % path.name)
    return first[2:]


def read(path):
    """The steps of a file."""
    steps = []
    in_body = False
    for where, line in lines_of(path):
        step = step_of(where, line)
        if step:
            steps.append(step)
            in_body = False
        elif in_body:
            steps[-1].body.append(line)
        elif not line:
            in_body = bool(steps) and bool(steps[-1].start)
        elif not steps or not steps[-1].start:
            raise Bad("%s: want a step, found: %s" % (where, line))
        elif line.startswith("!"):
            steps[-1].absent.append(line[1:].strip())
        elif line[0] in " \t" and steps[-1].headers:
            name, value = steps[-1].headers[-1]
            steps[-1].headers[-1] = (name, value + "\r\n" + line)
        elif ":" in line:
            name, _, value = line.partition(":")
            steps[-1].headers.append((name.strip(), value.strip()))
        else:
            raise Bad("%s: want a header, found: %s" % (where, line))
    for step in steps:
        while step.body and not step.body[-1]:
            step.body.pop()
    return steps


def fill(text, known):
    """Put what is known into the holes of a text to be sent."""
    def one(found):
        name = found[1]
        if "*" in name[1:]:
            char, _, count = name.partition("*")
            return char * int(count)
        if name not in known:
            raise Bad("{%s} is not known here" % name)
        return known[name]
    return HOLE.sub(one, text)


def match(pattern, text, known):
    """Compare a line with its pattern; what it captured, None if it does
    not fit."""
    parts, names = [], []
    end = 0
    for hole in HOLE.finditer(pattern):
        parts.append(re.escape(pattern[end:hole.start()]))
        end = hole.end()
        name = hole[1]
        if name == "*":
            parts.append(".*?")
        elif name in known:
            parts.append(re.escape(known[name]))
        elif name in names:
            parts.append("(?P=h%d)" % names.index(name))
        else:
            parts.append("(?P<h%d>.+?)" % len(names))
            names.append(name)
    parts.append(re.escape(pattern[end:]))
    found = re.fullmatch("".join(parts), text)
    if not found:
        return None
    return {name: found["h%d" % i] for i, name in enumerate(names)}


def match_body(patterns, lines, known):
    """Compare a body line by line; None if it fits, else the line of the
    pattern that does not. Adds to `known` what was captured."""
    absent = [line[1:] for line in patterns if line.startswith("!")]
    wanted = [line for line in patterns if not line.startswith("!")]
    for start in absent:
        if any(line.startswith(start) for line in lines):
            return "!" + start
    at = 0
    loose = False
    for pattern in wanted:
        if pattern == "...":
            loose = True
            continue
        while True:
            got = match(pattern, lines[at], known) if at < len(lines) else \
                None
            at += 1
            if got is not None:
                known.update(got)
                break
            if not loose or at >= len(lines):
                return pattern
        loose = False
    return None if loose or at == len(lines) else "(end of body)"


def compare(step, message, known):
    """Raise Mismatch unless a message is as its step says. Adds to `known`
    what was captured."""
    start = step.start
    if " " not in start:
        start += " {*} SIP/2.0"
    got = match(start, message.start, known)
    if got is None:
        raise Mismatch("want %s" % step.start)
    known.update(got)
    seen = {}
    for name, pattern in step.headers:
        key = plain_name(name)
        values = message.values(name)
        index = seen.get(key, 0)
        seen[key] = index + 1
        got = match(squeeze(pattern), values[index], known) \
            if index < len(values) else None
        if got is None:
            raise Mismatch("want %s: %s" % (name, fill_known(pattern, known)))
        known.update(got)
    for name in step.absent:
        if message.values(name):
            raise Mismatch("want no %s" % name)
    if step.body:
        wrong = match_body(step.body, message.body.split("\r\n")[:-1]
                           if message.body.endswith("\r\n")
                           else message.body.split("\r\n"), known)
        if wrong:
            raise Mismatch("body: want %s" % fill_known(wrong, known))


def fill_known(text, known):
    """A pattern with what is known put in, for messages to people."""
    return HOLE.sub(lambda hole: known.get(hole[1], hole[0]), text)
