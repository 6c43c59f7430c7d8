#!/usr/bin/env python3
"""Draws the curve of a soak: examples/soak/plot.py docs/soak.csv docs/soak.svg (needs matplotlib)."""

import csv
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({
    "svg.fonttype": "none", "svg.hashsalt": "soak", "font.size": 9, "axes.spines.top": False,
    "axes.spines.right": False, "legend.frameon": False, "axes.titlelocation": "left", "axes.titlesize": 9,
})
import matplotlib.pyplot as plt

MIB = 1 << 20
PANELS = [
    ("memory, MiB", {"resident": ("vm_rss_kib", 1024), "by the store's count": ("memory_bytes", MIB)}, "linear"),
    ("journal, MiB", {"all segments": ("journal_bytes", MIB)}, "linear"),
    ("base, MiB", {"file": ("base_bytes", MIB), "without what is kept for ever": ("base_without_bytes", MIB)}, "linear"),
    ("a durable commit, microseconds", {"p99": ("synced_p99_us", 1), "p50": ("synced_p50_us", 1)}, "log"),
]


def main(source, target):
    with open(source, encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    hours = [int(row["hour"]) for row in rows]
    figure, places = plt.subplots(len(PANELS), 1, sharex=True, figsize=(8, 9), layout="constrained")
    for place, (title, curves, scale) in zip(places, PANELS):
        for name, (column, unit) in curves.items():
            place.plot(hours, [int(row[column]) / unit for row in rows], linewidth=1.2, label=name)
        place.set_title(title)
        place.set_yscale(scale)
        if scale == "linear":
            place.set_ylim(bottom=0)
        place.grid(color="0.9", linewidth=0.6)
        place.legend(loc="center right", ncols=2)
    places[-1].set_xlabel("hours of the store's clock; it is closed and opened again in the middle")
    figure.savefig(target, metadata={"Date": None})


main(*sys.argv[1:])
