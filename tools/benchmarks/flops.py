"""The suite "flops": what `kerazoo.inspect.profile` counts against TensorFlow's profiler.

A few networks of keras.applications; tools/flops_table.py has them all.
"""

from __future__ import annotations

import argparse

from flops_table import compared

from benchmarks.table import Row, progress, row

BAR = "0.99 to 1.01"
PEERS = {"frozen": "profiler, frozen graph", "functions": "profiler, with functions"}


def suite_flops(options: argparse.Namespace) -> list[Row]:
    """FLOPs of one image; against the frozen graph where there is one (see flops_table.py)."""
    rows = []
    for name in options.sizes.networks:
        progress(f"flops: {name}")
        found = compared(name)
        kind = "functions" if found["frozen"] is None else "frozen"
        ours, theirs = found["flops"], found[kind]
        rows.append(row(f"{name}, FLOPs", ours, PEERS[kind], theirs, ours / theirs, BAR))
    return rows
