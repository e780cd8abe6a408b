"""What the names of variables say: their kind (kernel, bias, ...), words, and numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

KINDS = {
    "kernel": ("kernel", "kernels", "weights", "weight", "w", "filter", "filters", "matrix"),
    "bias": ("bias", "biases", "b"),
    "gamma": ("gamma",),
    "beta": ("beta",),
    "moving_mean": ("moving mean", "running mean", "pop mean"),
    "moving_variance": ("moving variance", "running variance", "running var", "pop var"),
    "embeddings": ("embeddings", "embedding", "lookup table"),
}
SLOT = re.compile(
    r"/(Adam|AdaMax|Adagrad|Adadelta|Ftrl|Momentum|RMSProp|LAMB|ExponentialMovingAverage)(_\d+)?$"
)
COUNTERS = re.compile(r"(^|/)(global_step|beta[12]_power)(_\d+)?$")


@dataclass(frozen=True)
class Words:
    """A name taken apart.

    Attributes:
        kind: a key of `KINDS`; "" where the name does not tell.
        words: in lower case, without the kind's and without numbers.
        numbers: in order; none counts as 0 when names are ordered.
        scope: all before the last "/".
    """

    kind: str
    words: frozenset[str]
    numbers: tuple[int, ...]
    scope: str

    def __post_init__(self):
        object.__setattr__(self, "numbers", self.numbers or (0,))


def words_of(name: str) -> Words:
    """>>> words_of("conv_2/W_conv2").kind
    'kernel'
    """
    scope, _, last = name.rpartition("/")
    kind, used = _kind_of(_split(last))
    pieces = _split(scope) + [piece for piece in _split(last) if piece not in used]
    numbers = tuple(int(piece) for piece in pieces if piece.isdigit())
    words = frozenset(piece for piece in pieces if not piece.isdigit())
    return Words(kind, words, numbers, scope)


def is_bookkeeping(name: str, names: set[str]) -> bool:
    """Whether the variable is an optimizer's or the training loop's."""
    slot = SLOT.search(name)
    return bool(COUNTERS.search(name)) or (slot is not None and name[: slot.start()] in names)


def _split(name: str) -> list[str]:
    """Words and numbers: "fc1/Dense_W" is fc, 1, dense, w."""
    return [piece.lower() for piece in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)]


def _kind_of(pieces: list[str]) -> tuple[str, set[str]]:
    text = f" {' '.join(pieces)} "
    for kind, spellings in KINDS.items():
        for spelling in spellings:
            if f" {spelling} " in text:
                return kind, set(spelling.split())
    return "", set()
