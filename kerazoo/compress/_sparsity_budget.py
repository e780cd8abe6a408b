"""How sparse each weight becomes: all alike, or by magnitude over the whole model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kerazoo.compress._constrained_model import ModelWeight
from kerazoo.compress._pruning_pattern import PruningPattern
from kerazoo.errors import ConfigError, unknown_name


def sparsities(
    entries: Sequence[ModelWeight], sparsity: float, budget: str, pattern: PruningPattern
) -> list[float]:
    """The final sparsity of each of `entries`.

    With "global", the weights of least magnitude in all of them together, a fraction `sparsity`,
    are counted where they are; each keeps at least one. Equal magnitudes go by position.
    """
    if budget == "layer":
        return [sparsity] * len(entries)
    if budget != "global":
        raise unknown_name("budget", budget, ["layer", "global"])
    if pattern.name != "unstructured":
        raise ConfigError(
            f'`budget="global"` is for `pattern="unstructured"`. Received: {pattern.name!r}. '
            f'Use budget="layer".'
        )
    scores = [np.abs(_values(entry)).ravel() for entry in entries]
    owners = np.repeat(np.arange(len(scores)), [score.size for score in scores])
    order = np.argsort(np.concatenate(scores), kind="stable")
    removed = np.bincount(owners[order[: round(order.size * sparsity)]], minlength=len(scores))
    counts = zip(removed, scores, strict=True)
    return [float(min(count, score.size - 1) / score.size) for count, score in counts]


def _values(entry: ModelWeight) -> np.ndarray:
    return np.asarray(entry.weight.variable.numpy(), np.float32)
