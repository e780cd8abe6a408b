#!/usr/bin/env python
"""Spoil good files for as long as you like, and see that only our own errors come out.

    tools/fuzz.py --minutes 10                      every reader in turn, ten minutes each
    tools/fuzz.py --minutes 2 --reader tflite --reader "tflite scan"

A reader fails by any other exception, by more than ten seconds for a file, by memory beyond four
GiB, or by ending the process; the file that did it stays in --keep, and so does a slow one.
"""

from __future__ import annotations

import argparse
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import random

from tests.scan.readers import READERS, Reader, spoil, try_to_read

SECONDS = 10
BYTES = 4 << 30


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1.0, help="for each reader")
    parser.add_argument("--reader", action="append", choices=list(READERS))
    parser.add_argument("--seed", type=int, default=0)
    kept = Path(tempfile.gettempdir()) / "kerazoo_fuzz_failures"
    parser.add_argument("--keep", type=Path, default=kept, help=f"default: {kept}")
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    signal.signal(signal.SIGALRM, _too_long)
    failures = 0
    for name in arguments.reader or READERS:
        failures += _fuzz(name, arguments.minutes * 60, arguments.seed, arguments.keep)
    return int(failures > 0)


def _fuzz(name: str, seconds: float, seed: int, keep: Path) -> int:
    """Failures of one reader, told apart by where they came from."""
    reader: Reader = READERS[name]
    counts: Counter[str] = Counter()
    places: set[str] = set()
    slowest = b""
    longest, rng, start = 0.0, random.Random(seed), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kerazoo-fuzz-") as folder:
        good = reader.good(Path(folder))
        while time.monotonic() - start < seconds:
            content = spoil(good, reader.tokens, rng)
            began = time.monotonic()
            signal.alarm(SECONDS)
            try:
                counts["taken" if try_to_read(reader, content, Path(folder)) else "refused"] += 1
            except (Exception, TooLong) as error:
                counts["failed"] += 1
                place = f"{type(error).__name__} at {traceback.extract_tb(error.__traceback__)[-1]}"
                if place not in places:
                    _keep(content, keep / f"{name.replace(' ', '_')}_{len(places)}_{reader.name}")
                    print(f"{name}: {place}: {error}", file=sys.stderr)
                places.add(place)
            finally:
                signal.alarm(0)
            taken = time.monotonic() - began
            if taken > longest:
                longest, slowest = taken, content
    if longest > SECONDS / 4:
        _keep(slowest, keep / f"{name.replace(' ', '_')}_slow_{reader.name}")
    numbers = ", ".join(f"{number:,} {what}" for what, number in counts.most_common())
    print(f"{name}: {counts.total():,} files: {numbers}; longest {longest:.2f} s", flush=True)
    return len(places)


class TooLong(BaseException):
    """Of no kind that readers catch."""


def _too_long(signum: int, frame: object) -> None:
    raise TooLong(f"more than {SECONDS} s")


def _keep(content: bytes, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    sys.exit(main())
