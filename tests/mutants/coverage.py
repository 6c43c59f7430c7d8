#!/usr/bin/env python3
"""Sums up an lcov file by module, without test code: tests/mutants/coverage.py FILE [--lines]"""

import re
import sys
from pathlib import Path

MODULES = ["engine", "ledger", "operations", "processed", "tokens", "money", "store", "disk"]
ROOT = Path(__file__).resolve().parents[2]


def is_test_file(path):
    return "tests" in path.parts or path.stem.endswith("tests") or path.stem == "testing"


def test_lines(text):
    """The lines of test modules, which stand at the end of their file."""
    at = re.search(r"^#\[cfg\(test\)\]\n(?:#\[.*\n)*mod \w+ \{", text, re.MULTILINE)
    return text[:at.start()].count("\n") if at else float("inf")


totals, missed, file = {}, [], None
for line in Path(sys.argv[1]).read_text().splitlines():
    if line.startswith("SF:"):
        file = Path(line[3:])
        file = file.relative_to(ROOT / "src") if file.is_relative_to(ROOT / "src") else None
        if file and (is_test_file(file) or file.parts[0] not in MODULES):
            file = None
        if file:
            text = (ROOT / "src" / file).read_text()
            first, source = test_lines(text), text.splitlines()
    elif file and line.startswith("DA:"):
        number, hits = line[3:].split(",")[:2]
        if int(number) <= first:
            lines = totals.setdefault(file.parts[0], [0, 0])
            lines[0] += hits != "0"
            lines[1] += 1
            if hits == "0":
                missed.append(f"src/{file}:{number}: {source[int(number) - 1].strip()}")
for module in MODULES:
    covered, lines = totals.get(module, [0, 1])
    print(f"{module:12}{covered:6} of {lines:6}  {100 * covered / lines:5.1f} %")
covered, lines = (sum(column) for column in zip(*totals.values()))
print(f"{'together':12}{covered:6} of {lines:6}  {100 * covered / lines:5.1f} %")
if "--lines" in sys.argv:
    print("\n".join(missed))
