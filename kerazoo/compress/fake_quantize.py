"""Fake-quantization of activations: their ranges, and rounding to the integers of the file."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.compress._calibrating import is_calibrating
from kerazoo.compress._exporting import is_exporting
from kerazoo.compress._fake_quant import fake_quantize, fake_quantize_learned
from kerazoo.compress._replica_ranges import gathered, range_over_replicas
from kerazoo.compress._tensorflow_only import check_backend
from kerazoo.compress.scheme import RANGES
from kerazoo.errors import ConfigError, unknown_name

MOST_MOMENTUM = 0.99
LEAST_FACTOR = 1e-3
"""Of the first step: a trained one stays above 0."""
LEAST_RANGE = 1e-4
"""Of an observed range. A tensor of zeros would have the step 0, and runtimes refuse to scale sums
down to steps far below their own."""
HAIR = 1e-3
"""Of a step: more than rounding errors, so that they never decide between two steps."""
SAMPLED_VALUES = 2**16
"""Percentiles are taken over at most about this many values of a tensor, evenly spread."""
LEAST_ROWS = 16
"""That they are taken over, however many channels a row has."""


@keras.saving.register_keras_serializable(package="kerazoo")
class FakeQuantize(keras.layers.Layer):
    """Rounds activations to `2**bits` steps of a range that it has observed.

    y = s * (clip(round(x / s) + z, 0, 2**bits - 1) - z): with 8 bits
    s = (high - low) / 255 and z the integer of 0; with 16 bits s = max(-low, high) / 32767, z = 0.

    One instance holds one range. Tensors that must share it (those that a Concatenate joins) are
    its members: `fq(x, member=0)`, `fq(y, member=1)`; the range in force covers them all. It is
    extended to hold 0, which padding needs.

    Args:
        bits: 8, 16, or None: values are passed on as they are.
        members: how many tensors share the range, 1 or above.
        ranges: "moving_average": of the smallest and the largest value of each training batch, the
            first as it is, the n-th with the weight max(1 / n, 0.01); "percentile": of their
            percentiles; "learned": a step `s` that is trained, set from what the first batch of
            each member (and `calibrate`) showed. What is trained is `s` over that first one, so
            that a step of Adam's is a share of `s`, which may be small.
        percentile: above 50, below 100; of "percentile" only.
        fixed_range: `(low, high)` with low <= 0 < high, instead of an observed one.

    Inside of `calibrate` the range is that of all values (of "percentile" still the average).

    Call arguments: `inputs`, any shape; `member`, its number; `training`. Ranges move in training
    and inside of `calibrate`, unless the layer's `trainable` is False. Until a member has seen
    values it passes them through; such a model is not exported.

    Shape and dtype: as the input's; the rounding is done in float32.

    Source: Jacob et al. 2018, arXiv:1712.05877, section 3.1.

    Raises: ConfigError if an argument is out of its range.

    >>> fq = FakeQuantize()
    >>> fq(np.array([0.0, 0.3, 25.5]), training=True).numpy().round(3).tolist()
    [0.0, 0.3, 25.5]
    >>> fq(np.array([0.26, 30.0])).numpy().round(3).tolist()
    [0.3, 25.5]
    """

    def __init__(
        self,
        bits: int | None = 8,
        members: int = 1,
        ranges: str = "moving_average",
        percentile: float = 99.99,
        fixed_range: tuple[float, float] | None = None,
        **kwargs: Any,
    ):
        check_backend("FakeQuantize")
        kwargs["dtype"] = "float32"  # mixed precision is for what surrounds it
        super().__init__(autocast=False, **kwargs)
        if bits not in (8, 16, None):
            raise ConfigError(f"`bits` must be 8, 16 or None. Received: {bits!r}.")
        if ranges not in RANGES:
            raise unknown_name("kind of ranges", ranges, RANGES)
        if fixed_range is not None and not fixed_range[0] <= 0 < fixed_range[1]:
            raise ConfigError(
                f"`fixed_range` must be (low, high), low <= 0 < high. Received: {fixed_range!r}."
            )
        self.bits, self.ranges = bits, ranges
        self.members = check_integer("members", members)
        self.percentile = check_number("percentile", percentile, above=50, below=100)
        self.fixed_range = None if fixed_range is None else tuple(map(float, fixed_range))
        self.supports_masking = True

    def build(self, input_shape):
        if not self._has_range:
            return
        # What replicas assign is of the global batch, and the same on all of them.
        same = {"aggregation": "only_first_replica"}
        self.low, self.high, self.count = (
            self.add_weight(
                (self.members,), initializer="zeros", trainable=False, name=name, **same
            )
            for name in ("low", "high", "count")
        )
        if self.ranges == "learned":
            self.factor = self.add_weight((), initializer="ones", name="factor", **same)

    @property
    def is_calibrated(self) -> bool:
        """Whether each member has a range: seen in training or `calibrate`, or fixed."""
        return not self._has_range or (
            self.built and bool(ops.all(ops.convert_to_tensor(self.count) > 0))
        )

    @property
    def _has_range(self) -> bool:
        return self.bits is not None and self.fixed_range is None

    def range(self) -> tuple[Any, Any]:
        """(low, high) in force, float32 scalars."""
        if self.ranges != "learned" or not self._has_range:
            return self._observed_range()
        step, zero_point = self._first_step_and_zero_point()
        step = self._factor() * step
        return -zero_point * step, (self._levels - zero_point) * step

    def step_size(self) -> Any:
        """Between neighbouring values of the range in force, a float32 scalar."""
        low, high = self.range()
        return (high - low) / self._levels

    def call(self, inputs, member=0, training=None):
        if self.bits is None:
            return inputs
        x = ops.cast(inputs, "float32")
        if self.fixed_range is not None or is_exporting():  # no range is empty there
            y = self._quantize(x)
        elif is_calibrating() or (training and self.trainable):
            self._observe(ops.stop_gradient(x), member)
            y = self._quantize(x)
        else:
            y = ops.cond(self.count[member] > 0, lambda: self._quantize(x), lambda: x)
        return ops.cast(y, inputs.dtype)

    def compute_output_spec(self, inputs, member=0, training=None):
        return keras.KerasTensor(inputs.shape, dtype=inputs.dtype)

    def _quantize(self, x):
        bits, is_narrow = self._bits, self.bits == 16
        if self.ranges == "learned" and self._has_range:
            step, zero_point = self._first_step_and_zero_point()
            return fake_quantize_learned(
                x, self._factor(), step, zero_point, bits=bits, narrow_range=is_narrow
            )
        low, high = self._observed_range()
        if not is_narrow:
            low, high = _with_zero_on_a_step(low, high, self._levels)
        return fake_quantize(x, low, high, bits=bits, narrow_range=is_narrow)

    @property
    def _levels(self) -> int:
        """Steps from the lowest integer to the highest."""
        return 2**self._bits - (2 if self.bits == 16 else 1)

    @property
    def _bits(self) -> int:
        """`bits` where there are any."""
        return self.bits or 0

    def _observed_range(self):
        if self.fixed_range is not None:
            low, high = (ops.convert_to_tensor(end, "float32") for end in self.fixed_range)
        else:
            low, high = ops.minimum(ops.min(self.low), 0.0), ops.maximum(ops.max(self.high), 0.0)
            high = ops.maximum(high, low + LEAST_RANGE)
        if self.bits == 16:
            high = ops.maximum(-low, high)
            low = -high
        return low, high

    def _first_step_and_zero_point(self):
        """Of the observed range, where the training of the step begins."""
        low, high = self._observed_range()
        step = (high - low) / self._levels
        return step, ops.round(-low / step)

    def _factor(self):
        return ops.maximum(ops.convert_to_tensor(self.factor), LEAST_FACTOR)

    def _observe(self, x, member):
        seen = ops.convert_to_tensor(self.count)[member]
        weight = ops.maximum(1.0 / (seen + 1.0), 1.0 - MOST_MOMENTUM)
        if self.ranges == "learned" and not is_calibrating():
            weight = ops.where(seen > 0, 0.0, 1.0)  # the first batch only; then the step is trained
        is_member = ops.one_hot(member, self.members, dtype="float32")
        low, high = self._batch_range(x)
        if is_calibrating() and self.ranges != "percentile":
            # A few batches do not average out: the range is that of all values.
            weight = 1.0
            low = ops.where(seen > 0, ops.minimum(low, self.low[member]), low)
            high = ops.where(seen > 0, ops.maximum(high, self.high[member]), high)
        self.low.assign(self.low + weight * is_member * (low - self.low))
        self.high.assign(self.high + weight * is_member * (high - self.high))
        self.count.assign(self.count + is_member)
        if self.ranges == "learned":
            self.factor.assign(ops.where(weight > 0, 1.0, self.factor))

    def _batch_range(self, x):
        if self.ranges != "percentile":
            return range_over_replicas(ops.min(x), ops.max(x))
        values = ops.sort(gathered(_sampled(x)))
        values = ops.reshape(values, (-1,))  # sorted where the batch is unknown, it has no rank
        last = ops.cast(ops.shape(values)[0] - 1, "float32")
        above = ops.cast(ops.round(last * (self.percentile / 100)), "int32")
        return values[ops.cast(last, "int32") - above], values[above]

    def get_config(self):
        return {
            **super().get_config(),
            "bits": self.bits,
            "members": self.members,
            "ranges": self.ranges,
            "percentile": self.percentile,
            "fixed_range": self.fixed_range,
        }


def _sampled(x: Any) -> Any:
    """A flat share of the values, with all channels of each place that is looked at.

    The stride is odd: sizes are powers of two more often than not, and places a power of two apart
    would all be in the same columns.
    """
    channels = ops.shape(x)[-1] if len(x.shape) > 1 else 1
    rows = ops.reshape(x, (-1, channels))
    most = ops.maximum(SAMPLED_VALUES // channels, LEAST_ROWS)
    stride = ops.maximum(ops.shape(rows)[0] // most, 1)
    return ops.reshape(rows[:: stride // 2 * 2 + 1], (-1,))


def _with_zero_on_a_step(low: Any, high: Any, levels: int) -> tuple[Any, Any]:
    """The range, moved by half a step at most.

    TensorFlow's operation and the converter do that, too, but where 0 is half-way between two
    steps, as in -1..1, each its own way. So it is not left to them.
    """
    step = (high - low) / levels
    below = ops.round(HAIR - low / step)
    return 0.0 - below * step, (levels - below) * step
