#!/usr/bin/env python3
"""Does every feature of docs/calls.md name tests, and does each exist?

A test is NAME.wire of tests/wire/cases, also with *, or a module test_NAME,
which may be followed by classes of it: test_NAME `Class`, `Class`. Paths like
tools/bench stand for themselves.
"""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOC = ROOT / "docs/calls.md"
WIRE = re.compile(r"`([\w*-]+)\.wire`")
MODULE = re.compile(r"\b(test_\w+)((?:,? `[A-Z]\w*`)*)")


def classes_of(path):
    """Names of the classes in a Python file."""
    return {node.name for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.ClassDef)}


def missing_in(text):
    """Tests that a text names and that are not there."""
    for name in WIRE.findall(text):
        if not list((ROOT / "tests/wire/cases").glob(name + ".wire")):
            yield "no case %s.wire" % name
    for name, classes in MODULE.findall(text):
        paths = list((ROOT / "tests").glob("*/%s.py" % name))
        if not paths and not list((ROOT / "tests/unit").glob(
                "*/%s.c" % name)):
            yield "no test %s" % name
        known = set().union(*map(classes_of, paths))
        for each in re.findall(r"`(\w+)`", classes):
            if each not in known:
                yield "no class %s in %s" % (each, name)


def tables(lines):
    """Rows of tables whose last column is `test`, with their numbers."""
    open_table = False
    for number, line in enumerate(lines, 1):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not cells:
            open_table = False
        elif cells[-1] == "test":
            open_table = True
        elif open_table and not set(line) <= set("|-: "):
            yield number, cells


def main():
    lines = DOC.read_text().splitlines()
    faults = ["%d: %s" % (number, fault)
              for number, line in enumerate(lines, 1)
              for fault in missing_in(line)]
    rows = list(tables(lines))
    faults += ["%d: %s has no test" % (number, cells[0])
               for number, cells in rows
               if not (WIRE.search(cells[-1]) or MODULE.search(cells[-1])
                       or "`tools/" in cells[-1])]
    if not rows:
        faults.append("1: no table of features")
    for fault in faults:
        print("%s:%s" % (DOC.relative_to(ROOT), fault))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
