"""Kills one of two workers at a random step, again and again, and compares what comes out.

    python tools/fault_table.py [--runs 10] [--seed 0] [--json FILE]

Each run trains the same recipe by `kerazoo launch --restarts 1`, with dropout in every other run
and BatchNormalization in the rest. Its final state (weights, optimizer, averages, seeds) and the
values of its epochs are compared with those of the unbroken run. Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from fault_injection import BUILDERS, STEPS, Training, final_state, largest_difference


def unbroken(folder: Path, network: str) -> dict[str, Any]:
    """The final state of a run to which nothing happens."""
    training = Training(folder, network=network)
    try:
        if training.finish():
            sys.exit(f"The unbroken run failed: {training.said()[-2000:]}")
        return final_state(training.run_folder)
    finally:
        training.close()


def killed(folder: Path, network: str, step: int, victim: int) -> dict[str, Any]:
    """What comes of a run whose worker `victim` is killed (-9) when the first is at `step`."""
    training = Training(folder, "--restarts", "1", network=network)
    try:
        workers = training.wait_for_step(step)
        at = workers[victim].step
        os.kill(workers[victim].pid, signal.SIGKILL)
        start = time.monotonic()
        while not training.events() and training.process.poll() is None:
            time.sleep(0.02)
        noticed = time.monotonic() - start
        while training.process.poll() is None:
            training.workers()  # their process ids are remembered, to look for orphans
            time.sleep(0.1)
        return {
            "network": network,
            "victim": victim,
            "step": at,
            "noticed_s": round(noticed, 2),
            "exit_code": training.finish(),
            "restarts": sum("start again" in line for line in training.events()),
            "state": final_state(training.run_folder) if not training.finish() else None,
            "orphans": training.orphans(),
            "said": training.said()[-2000:],
        }
    finally:
        training.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", help="a file for the rows")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        expected = {network: unbroken(Path(name) / network, network) for network in BUILDERS}
        print("run  network     killed    at step  noticed  restarts  exit  orphans  difference")
        for number in range(options.runs):
            network = list(BUILDERS)[number % len(BUILDERS)]
            step, victim = chance.randrange(1, STEPS - 1), chance.randrange(2)
            row = killed(Path(name) / str(number), network, step, victim)
            state = row.pop("state")
            row["difference"] = (
                float("inf") if state is None else largest_difference(state, expected[network])
            )
            said = row.pop("said")
            rows.append(row)
            print(
                f"{number + 1:>3}  {network:<10}  worker {victim}  {row['step']:>7}  "
                f"{row['noticed_s']:>5.2f} s  {row['restarts']:>8}  {row['exit_code']:>4}  "
                f"{len(row['orphans']):>7}  {row['difference']:.3g}",
                flush=True,
            )
            if row["exit_code"]:
                print(said, file=sys.stderr)
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1))
    good = [not row["exit_code"] and not row["orphans"] and not row["difference"] for row in rows]
    print(f"{sum(good)} of {len(rows)} ended with the unbroken run's state, and without an orphan.")
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
