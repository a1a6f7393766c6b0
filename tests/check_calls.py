#!/usr/bin/env python3
"""Does every feature of docs/calls.md, every edge of docs/security.md, and
every switch of teams-sim name tests, and does each exist?

A test is NAME.wire of tests/wire/cases, also with *, or a module test_NAME,
which may be followed by classes of it: test_NAME `Class`, `Class`. Paths like
tools/bench stand for themselves.
"""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = (ROOT / "docs/calls.md", ROOT / "docs/security.md",
        ROOT / "tools/teams-sim/README.md")
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


def faults_of(doc):
    """What is wrong with one document."""
    lines = doc.read_text().splitlines()
    for number, line in enumerate(lines, 1):
        for fault in missing_in(line):
            yield number, fault
    rows = list(tables(lines))
    if not rows:
        yield 1, "no table with tests"
    for number, cells in rows:
        if not (WIRE.search(cells[-1]) or MODULE.search(cells[-1])
                or "`tools/" in cells[-1]):
            yield number, cells[0] + " has no test"


def main():
    faults = ["%s:%d: %s" % (doc.relative_to(ROOT), number, fault)
              for doc in DOCS for number, fault in faults_of(doc)]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
