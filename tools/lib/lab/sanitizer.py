"""Reports of the address and undefined-behaviour sanitizers, as files."""

from . import plan


def folder():
    path = plan.state_dir() / "sanitizer"
    path.mkdir(exist_ok=True)
    return path


def env():
    """Options that make our programs report into files of their own and end
    with a status of their own."""
    return {
        "ASAN_OPTIONS": "log_path=%s/asan:exitcode=99:detect_leaks=1"
                        ":detect_stack_use_after_return=1" % folder(),
        "UBSAN_OPTIONS": "log_path=%s/ubsan:print_stacktrace=1" % folder(),
        "LSAN_OPTIONS": "exitcode=99",
    }


def reports():
    """Take the reports that there are; their text, or ''."""
    texts = []
    for path in sorted(folder().glob("*")):
        texts.append(path.read_text(errors="replace"))
        path.unlink()
    return "\n".join(text for text in texts if text.strip())


def judge(status, process):
    """A bridge has ended. One that did not in good order, leaks or crashed
    fails."""
    report = reports()
    if report or status not in (0, None):
        raise AssertionError("callbridged ended with status %s\n%s" % (
            status, report or process.tail(30)))
