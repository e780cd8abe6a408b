"""Which number format and compiler train this very model fastest on this very machine.

Processors differ: bfloat16 doubles the speed of one and slows another, XLA likewise. So a few
steps of each are timed, in turns, on copies of the model that are thrown away.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from kerazoo.distribute.heartbeat import beat
from kerazoo.errors import ConfigError
from kerazoo.notices import notice

if TYPE_CHECKING:
    import keras

WORTH_TIMING = 300  # steps; a shorter run ends before the timing pays
_GAIN = 1.05  # what a candidate must win to replace plain float32
_ROUNDS, _STEPS = 4, 3
_HOPELESS = 2.0  # times the fastest step: a processor that emulates bfloat16 takes 7 times as long


class Choice(msgspec.Struct, frozen=True):
    """How to train: `precision` is a Keras dtype policy, `xla` whether to compile with XLA.

    `step_ms`: milliseconds per step of each candidate that was timed; empty if none was.
    """

    precision: str
    xla: bool
    step_ms: dict[str, float] = {}


@contextlib.contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Layers made inside have this Keras dtype policy; the one from before returns afterwards."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def choose(
    precision: str,
    xla: bool | str,
    *,
    make_model: Callable[[bool], keras.Model],
    batch: tuple[Any, Any],
    steps: int,
    together: bool = False,
) -> Choice:
    """The given choices, each "auto" among them replaced by what is fastest here.

    Args:
        precision: "auto" or a Keras dtype policy.
        xla: "auto", True or False.
        make_model: a fresh compiled model under the current dtype policy; its argument says whether
            XLA compiles it.
        batch: (inputs, targets) to time with.
        steps: length of the run; below `WORTH_TIMING` nothing is timed.
        together: several workers time the same steps, in each of which they wait for each other.
    """
    import tensorflow as tf

    precisions = _candidates() if precision == "auto" else [precision]
    if steps < WORTH_TIMING or (len(precisions) == 1 and xla != "auto"):
        return Choice(precisions[0], xla is True)
    timed = {p: _timed_step(p, xla is True, make_model, batch) for p in precisions}
    times = _median_step_ms(timed, all_turns=together)
    best = _fastest(times)
    if xla != "auto":
        return Choice(best, xla is True, times)
    try:
        step = _timed_step(best, True, make_model, batch)
    except (tf.errors.OpError, ConfigError) as error:  # it has no sparse updates, strings, ...
        reason = " ".join(str(error).split())[:100]
        notice(f"XLA cannot compile this model, which trains without it: {reason}")
        return Choice(best, False, times)
    label = f"{best}+xla"
    times |= _median_step_ms({label: step})
    return Choice(best, times[label] * _GAIN < times[best], times)


def _candidates() -> list[str]:
    """float32 first: ties go to it."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return ["float32", "mixed_bfloat16"]
    capability = tf.config.experimental.get_device_details(gpus[0]).get(
        "compute_capability", (0, 0)
    )
    return [
        "float32",
        *(["mixed_float16"] if capability >= (7, 0) else []),
        *(["mixed_bfloat16"] if capability >= (8, 0) else []),
    ]


def _timed_step(
    precision: str, xla: bool, make_model: Callable[[bool], keras.Model], batch: tuple[Any, Any]
) -> Callable[[], None]:
    """One training step as a function; already traced and compiled."""
    with dtype_policy(precision):
        model = make_model(xla)

    def step() -> None:
        model.train_on_batch(*batch)
        beat(0)

    step()
    return step


def _median_step_ms(
    steps: dict[str, Callable[[], None]], *, all_turns: bool = False
) -> dict[str, float]:
    """Milliseconds per step; the candidates take turns, so that a slow moment hits them all.

    One that cannot win any more has no further turn, unless all have all turns.
    """
    times: dict[str, list[float]] = {name: [] for name in steps}
    fastest = float("inf")
    for name in [*steps] * _ROUNDS:
        for _ in range(_STEPS):
            if not all_turns and min(times[name], default=0.0) > _HOPELESS * fastest:
                break
            start = time.perf_counter()
            steps[name]()
            times[name].append(1000 * (time.perf_counter() - start))
            fastest = min(fastest, times[name][-1])
    return {name: round(statistics.median(values), 2) for name, values in times.items()}


def _fastest(times: dict[str, float]) -> str:
    first, *others = times
    best = min(others, key=times.__getitem__, default=first)
    return best if times[best] * _GAIN < times[first] else first
