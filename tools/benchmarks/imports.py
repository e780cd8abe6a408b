"""The suite "import": how long a process takes that only asks what there is."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

from benchmarks.table import Row, fact, progress, row


def suite_import(options: argparse.Namespace) -> list[Row]:
    """Whole processes: `import kerazoo; kerazoo.list_models()` against `import keras`."""
    ours = "import kerazoo; kerazoo.list_models()"
    times: dict[str, list[float]] = {ours: [], "import keras": []}
    progress("import")
    for command in times:
        _seconds([sys.executable, "-c", command])  # fills the file cache
    for _ in range(options.sizes.rounds):
        for command, values in times.items():
            values.append(_seconds([sys.executable, "-c", command]))
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{ours}; import sys; print({{'keras', 'tensorflow'}} & {{*sys.modules}})",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    mine, peer = (statistics.median(values) for values in times.values())
    return [
        row("import and list, seconds", mine, "import keras", peer, mine / peer, "<= 0.08"),
        fact("of keras and tensorflow, it loads", loaded.stdout.strip(), "= set()"),
    ]


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start
