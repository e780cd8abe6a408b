#!/usr/bin/env python
"""Measure kerazoo against its bars and what a user would run instead; both sides in one run.

    python tools/benchmark.py [SUITE ...] [--rounds 3] [--json FILE] [--plot FILE.svg]
                              [--torch-python PYTHON] [--tfmot-python PYTHON] [--rl-python PYTHON]
    python tools/benchmark.py --quick

Contenders take turns, so that a slow moment of the machine hits them all. Figures are medians over
all rounds. PyTorch, tfmot and TF-Agents are measured where a Python that has them is named; what
cannot be measured is a row that says why. FILE is written anew after every suite, so that a run
that breaks off leaves what it has; tools/benchmarks/plot.py draws it again.

`--quick` does as little as it can, to see that the benchmark works: its figures mean nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
import traceback
from typing import Any

from benchmarks.agents import suite_rl
from benchmarks.bars import verdict
from benchmarks.compress import suite_compress
from benchmarks.distill import suite_distill
from benchmarks.flops import suite_flops
from benchmarks.hub import suite_hub
from benchmarks.imports import suite_import
from benchmarks.loop import suite_loop
from benchmarks.metrics import suite_metrics
from benchmarks.record import described, write_record
from benchmarks.sizes import FULL, QUICK
from benchmarks.table import NotMeasured, Row, fact, print_rows, unmeasured
from benchmarks.tflite import suite_tflite
from benchmarks.training import suite_train
from benchmarks.zoo import suite_zoo
from scale import suite_scale

from kerazoo.errors import DataError

SUITES = {
    "import": suite_import,
    "train": suite_train,
    "tflite": suite_tflite,
    "loop": suite_loop,
    "scale": suite_scale,
    "metrics": suite_metrics,
    "distill": suite_distill,
    "compress": suite_compress,
    "hub": suite_hub,
    "rl": suite_rl,
    "flops": suite_flops,
    "zoo": suite_zoo,
}
FAILED = "failed: what it said is on stderr"


def main() -> None:
    options = _options()
    record = described(options)
    for name in options.suites or SUITES:
        start = time.perf_counter()
        rows = record["suites"][name] = _rows(name, options)
        record["seconds"][name] = round(time.perf_counter() - start, 1)
        print_rows(name, rows)
        if options.json:
            write_record(options.json, record)
    if options.plot:
        from benchmarks.plot import draw

        draw(record, options.plot)
    print("\n" + (_summary(record) if not options.quick else "quick: these figures mean nothing"))
    sys.exit(int(any(row["kerazoo"] == FAILED for row in _all_rows(record))))


def _options() -> argparse.Namespace:
    """With `sizes` in it: how much is measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suites", nargs="*", choices=[*SUITES, []], help="all if none is named")
    parser.add_argument("--rounds", type=int, help="turns of every contender; 3 if not named")
    parser.add_argument("--quick", action="store_true", help="only see that the benchmark works")
    parser.add_argument("--json", metavar="FILE", help="for all rows and what they are of")
    parser.add_argument("--plot", metavar="FILE.svg", help="for a picture (extra `plot`)")
    parser.add_argument("--torch-python", help="a Python in which PyTorch is installed")
    parser.add_argument("--tfmot-python", help="a Python in which tfmot is installed")
    parser.add_argument("--rl-python", help="a Python in which kerazoo[rl] is installed")
    options = parser.parse_args()
    options.sizes = QUICK if options.quick else FULL
    if options.rounds:
        options.sizes = dataclasses.replace(options.sizes, rounds=options.rounds)
    return options


def _rows(name: str, options: argparse.Namespace) -> list[Row]:
    """A suite's rows. One that fails does not take the hour of the others with it: it is said at
    once, and by the exit code."""
    try:
        return SUITES[name](options)
    except (NotMeasured, DataError) as error:
        return [unmeasured(name, str(error), "")]
    except Exception:
        traceback.print_exc()
        return [fact(name, FAILED, "")]


def _all_rows(record: dict[str, Any]) -> list[Row]:
    return [row for rows in record["suites"].values() for row in rows]


def _summary(record: dict[str, Any]) -> str:
    """How many bars are met, and a line for each that is not."""
    verdicts = [verdict(row) for row in _all_rows(record)]
    counts = [f"{verdicts.count(word)} {word}" for word in ("met", "missed", "not measured")]
    missed = [
        f"missed: {suite}: {row['what']}"
        for suite, rows in record["suites"].items()
        for row in rows
        if verdict(row) == "missed"
    ]
    return "\n".join([f"bars: {', '.join(counts)}", *missed])


if __name__ == "__main__":
    main()
