"""Every error that kerazoo raises on purpose, and the one sentence an unknown name gets.

KerazooError
├── UnknownNameError       a model, dataset, builder, mode ... that does not exist
├── ConfigError            a zoo config, or an argument that becomes one, is wrong
├── WeightsError           a weights file is missing, damaged, swapped, or does not fit
├── DataError              images, labels or calibration data that cannot be used
├── HubError               a published model cannot be had, is refused, or does not fit
├── RunError               a run folder cannot be written, resumed or repeated
│   └── WorkerLostError    another worker of the training is gone, or hangs
├── ConversionError        an older model that cannot be read, made anew, or proven equal
├── ExportError            a model that cannot become the file that was asked for
│   └── VerificationError  the exported file disagrees with its model
└── MissingDependencyError an optional package is not installed

All but `RunError` (an `OSError`) and `MissingDependencyError` (an `ImportError`) are `ValueError`s
too, so code written against Keras's own errors catches them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_OPERATION = re.compile(r"\{\{function_node \S+\}\} |\[\[\{\{node.*|\[Op:.*")
"""What TensorFlow writes around the reason."""


class KerazooError(Exception):
    """Base of all errors raised on purpose; its text is one line meant for a person."""


class UnknownNameError(KerazooError, ValueError):
    """A name that is in none of the lists."""


class ConfigError(KerazooError, ValueError):
    """A config, or an override of one, that breaks the schema."""


class WeightsError(KerazooError, ValueError):
    """A weights file that is missing, damaged, not the published one, or does not fit."""


class DataError(KerazooError, ValueError):
    """Data of the wrong shape, type, range or length, or data that cannot be had."""


class HubError(KerazooError, ValueError):
    """A published model that cannot be had, is not what was asked for, or must not be run."""


class RunError(KerazooError, OSError):
    """A run folder that cannot be written, resumed or repeated."""


class WorkerLostError(RunError):
    """Another worker of the training is gone, or hangs: this one cannot go on alone. Started again
    together, they go on from the last checkpoint."""


class ConversionError(KerazooError, ValueError):
    """A model of Keras 2 or TensorFlow 1 that cannot be read, made anew, or proven equal."""


class ExportError(KerazooError, ValueError):
    """A model that cannot become the file that was asked for."""


class VerificationError(ExportError):
    """An exported file whose outputs disagree with its model's beyond the tolerance."""


class MissingDependencyError(KerazooError, ImportError):
    """An optional package that this call needs and that is not installed."""


def nearest(name: str, known: Iterable[str], *, count: int = 3) -> list[str]:
    """The `count` names most like `name`, best first; empty when none is close.

    Upper and lower case are alike; a name that differs in nothing else is the only one.
    """
    spelled: dict[str, list[str]] = {}
    for each in sorted(known):
        spelled.setdefault(each.lower(), []).append(each)
    close = difflib.get_close_matches(name.lower(), spelled, n=count, cutoff=0.5)
    if name.lower() in spelled:
        close = [name.lower()]
    return [each for key in close for each in spelled[key]][:count]


def unknown_name(kind: str, name: object, known: Iterable[str]) -> UnknownNameError:
    """The error for a name that does not exist: the nearest valid ones, else all of them."""
    known = sorted(known)
    close = nearest(str(name), known)
    if close:
        hint = f"Did you mean {' or '.join(map(repr, close))}?"
    else:
        hint = f"Known: {', '.join(known)}."
    return UnknownNameError(f"Unknown {kind} {name!r}. {hint}")


def reason_in_graph(message: str) -> str:
    """What TensorFlow says went wrong in a graph, in one line: without its list of where the
    operation was made, and without the operation's name."""
    lines = [line.strip() for line in message.splitlines()]
    starts = [number for number, line in enumerate(lines) if line.startswith("File ")]
    reason = " ".join(" ".join(lines[starts[-1] + 1 if starts else 0 :]).split())
    return _OPERATION.sub("", reason).strip()
