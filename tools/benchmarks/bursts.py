"""Calls of microseconds and milliseconds, timed by contenders that take turns burst by burst."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.sizes import Sizes


def median_seconds(
    contenders: dict[str, Callable[[], Any]], sizes: Sizes, *, turns: int
) -> dict[str, float]:
    """Of a call of each. A slow moment of the machine hits them all. The first calls of a burst are
    not counted: the threads of the one before go on spinning for a while, and the cache still holds
    its weights."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(turns):
        for name, call in contenders.items():
            for number in range(sizes.burst):
                start = time.perf_counter()
                call()
                if number >= sizes.warm_up:
                    times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}
