"""From a model that says what may follow to a whole sequence: greedy and beam search.

Both run as a loop inside of a Keras model, on every backend and in a TFLite file. The model is
asked by a function `step(pieces, position, state) -> (logits, state)`: given the last piece of each
sequence, `(rows,)`, and how many there are before it, it says with logits `(rows, classes)` what
may follow. `state` is a tuple of tensors whose first axis is the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops

Step = Callable[[Any, Any, tuple[Any, ...]], tuple[Any, tuple[Any, ...]]]

_NEVER = -1e9


class Marks(NamedTuple):
    """Numbers that are no pieces: what pads, and stands before the first and after the last one."""

    padding: int
    start: int
    end: int


def greedy_search(
    step: Step, state: tuple[Any, ...], *, batch: Any, length: int, marks: Marks
) -> Any:
    """The likeliest piece at each place: int32 `(batch, length)`, padded after the end.

    Ends when all sequences have; one without an end has `length` pieces. `state`: `batch` rows.
    """
    places = ops.arange(length)

    def goes_on(position, last, chosen, is_open, *state):
        return ops.logical_and(position < length, ops.any(is_open))

    def choose(position, last, chosen, is_open, *state):
        logits, state = step(last, position, state)
        best = _likeliest(_possible(logits, marks))
        best = ops.where(is_open, best, marks.padding)
        chosen = ops.where(ops.equal(places, position), ops.expand_dims(best, 1), chosen)
        is_open = ops.logical_and(is_open, ops.not_equal(best, marks.end))
        return (position + 1, best, chosen, is_open, *state)

    first = (
        ops.zeros((), "int32"),
        ops.full((batch,), marks.start, "int32"),
        ops.full((batch, length), marks.padding, "int32"),
        ops.ones((batch,), "bool"),
    )
    return ops.while_loop(goes_on, choose, (*first, *state))[2]


def beam_search(
    step: Step,
    state: tuple[Any, ...],
    *,
    batch: Any,
    length: int,
    marks: Marks,
    beams: int,
    penalty: float,
) -> Any:
    """The sequence with the highest log p / ((5 + n) / 6) ** penalty that was found, of n pieces
    with the end: int32 `(batch, length)`, padded after the end.

    At each place the `beams` best beginnings are kept, finished ones among them. A penalty of 0
    prefers the likeliest sequence, which is short, 1 the likeliest piece by piece.

    Source: Wu et al. 2016, arXiv:1609.08144, equation 14, without the coverage.

    `state`: `batch * beams` rows, the beams of a sequence side by side and equal.
    """
    places = ops.arange(length)
    first_rows = ops.expand_dims(ops.arange(batch), 1) * beams

    def goes_on(position, last, chosen, scores, sizes, is_open, *state):
        return ops.logical_and(position < length, ops.any(is_open))

    def choose(position, last, chosen, scores, sizes, is_open, *state):
        logits, state = step(ops.reshape(last, (-1,)), position, state)
        logs = ops.log_softmax(_possible(logits, marks), axis=-1)
        classes = logs.shape[-1]
        logs = ops.reshape(logs, (batch, beams, classes))
        stays = ops.where(ops.equal(ops.arange(classes), marks.padding), 0.0, _NEVER)
        logs = ops.where(ops.expand_dims(is_open, 2), logs, stays)
        sizes = sizes + ops.cast(is_open, "float32")
        total = ops.expand_dims(scores, 2) + logs
        ranked = total / ops.expand_dims(((5.0 + sizes) / 6.0) ** penalty, 2)
        _, best = ops.top_k(ops.reshape(ranked, (batch, beams * classes)), beams)
        best = ops.cast(best, "int32")
        scores = ops.take_along_axis(ops.reshape(total, (batch, beams * classes)), best, axis=1)
        beam, last = best // classes, best % classes
        rows = ops.reshape(first_rows + beam, (-1,))
        chosen = ops.take(ops.reshape(chosen, (batch * beams, length)), rows, axis=0)
        chosen = ops.reshape(chosen, (batch, beams, length))
        chosen = ops.where(ops.equal(places, position), ops.expand_dims(last, 2), chosen)
        sizes, is_open = (ops.take_along_axis(each, beam, axis=1) for each in (sizes, is_open))
        is_open = ops.logical_and(is_open, ops.not_equal(last, marks.end))
        state = tuple(ops.take(tensor, rows, axis=0) for tensor in state)
        return (position + 1, last, chosen, scores, sizes, is_open, *state)

    first = (
        ops.zeros((), "int32"),
        ops.full((batch, beams), marks.start, "int32"),
        ops.full((batch, beams, length), marks.padding, "int32"),
        # All beams begin alike: only the first may go on, or they would stay alike.
        ops.zeros((batch, 1), "float32") + ops.where(ops.arange(beams) == 0, 0.0, _NEVER),
        ops.zeros((batch, beams), "float32"),
        ops.ones((batch, beams), "bool"),
    )
    return ops.while_loop(goes_on, choose, (*first, *state))[2][:, 0]  # top_k sorts


def _likeliest(logits: Any) -> Any:
    """The first of the largest: int32 `(rows,)`. TFLite has not all that `ops.argmax` uses."""
    classes = logits.shape[-1]
    is_largest = ops.equal(logits, ops.max(logits, axis=-1, keepdims=True))
    return ops.min(ops.where(is_largest, ops.arange(classes), classes), axis=-1)


def _possible(logits: Any, marks: Marks) -> Any:
    """`logits`, with nothing for what cannot follow: padding and start."""
    classes = ops.arange(logits.shape[-1])
    is_mark = ops.logical_or(ops.equal(classes, marks.padding), ops.equal(classes, marks.start))
    return ops.where(is_mark, _NEVER, ops.cast(logits, "float32"))
