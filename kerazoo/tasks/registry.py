"""From a config's `task` to the `Task` that knows what it asks for."""

from __future__ import annotations

import difflib
from importlib import import_module

from kerazoo.tasks.task import Task

_MODULES: tuple[str, ...] = (
    "image_segmentation",
    "object_detection",
    "recommendation",
    "speech_recognition",
    "text_classification",
    "time_series_forecasting",
    "translation",
)
"""Files of this room with a task of their own, as `TASK`; its name has hyphens there."""

_PLAIN = (
    "audio-classification",
    "image-classification",
    "regression",
    "reinforcement-learning",
    "sequence-classification",
)
"""Tasks of the zoo that need none: their answers are scores or values."""


def misspelled(name: str) -> str | None:
    """The task that `name` is nearly called; None for a task's name, and for one of a user's own.

    >>> misspelled("image-clasification")
    'image-classification'
    """
    known = [*_PLAIN, *(module.replace("_", "-") for module in _MODULES)]
    if name in known:
        return None
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.9)), None)


def find_task(name: str) -> Task:
    """The task called `name`; for any other name, of a user's own config too, scores or values.

    Args:
        name: as configs say it: "object-detection".

    >>> find_task("image-classification").measures
    ()
    """
    module = name.replace("-", "_")
    if module in _MODULES:
        return import_module(f"kerazoo.tasks.{module}").TASK
    return Task()
