"""Stripes of a spectrogram that are hidden in training (Park et al. 2019)."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from kerazoo.argument_checks import check_integer
from kerazoo.errors import ConfigError, DataError


@keras.saving.register_keras_serializable(package="kerazoo")
class SpecAugment(layers.Layer):
    """Zeros, in training, in `time_masks` stripes of frames and `band_masks` stripes of bands.

    The width of a stripe is drawn evenly from 0 to `time_width` frames, or `band_width` bands, then
    its place, so that it lies inside; anew for each stripe and sample. Stripes may overlap. Zero
    should be the mean of the input, as the paper has it. Outside of training y = x.

    Source: Park et al. 2019, arXiv:1904.08779, section 2, without its time warping, which they
    found to add little.

    Args:
        time_masks: 0 or more.
        time_width: of the widest one, in frames, 1 or more.
        band_masks: 0 or more.
        band_width: of the widest one, in bands, 1 or more.
        seed: integer, or None for one that Keras draws.

    Shape: `(batch, frames, bands)` or `(batch, frames, bands, channels)`, and the same out. Masks
    pass.

    Raises: ConfigError if an argument is out of its range, or a widest stripe would cover the
    input; DataError if the input has another rank.

    >>> outputs = SpecAugment(time_masks=0, band_width=5, seed=1)(np.ones((9, 4, 8)), training=True)
    >>> hidden = (np.asarray(outputs) == 0).sum(axis=2)  # bands, in each frame of each sample
    >>> bool((hidden == hidden[:, :1]).all()), int(hidden.max()) <= 10
    (True, True)
    """

    def __init__(
        self,
        time_masks: int = 2,
        time_width: int = 10,
        band_masks: int = 2,
        band_width: int = 5,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.time_masks = check_integer("time_masks", time_masks, least=0)
        self.time_width = check_integer("time_width", time_width)
        self.band_masks = check_integer("band_masks", band_masks, least=0)
        self.band_width = check_integer("band_width", band_width)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        if len(input_shape) not in (3, 4):
            raise DataError(
                f"Layer {self.name!r} takes (batch, frames, bands) or (batch, frames, bands, "
                f"channels). Received: input_shape={tuple(input_shape)}."
            )
        stripes = (("time_width", self.time_masks, 1), ("band_width", self.band_masks, 2))
        for argument, masks, axis in stripes:
            width, size = getattr(self, argument), input_shape[axis]
            if masks and (size is None or width >= size):
                raise ConfigError(
                    f"`{argument}` must be below the input's {size} on axis {axis}, which must be "
                    f"fixed. Received: {width}, input_shape={tuple(input_shape)}."
                )

    def call(self, inputs, training=False):
        inputs = ops.cast(inputs, self.compute_dtype)
        if not training:
            return inputs
        outputs = inputs
        for axis, masks, width in (
            (1, self.time_masks, self.time_width),
            (2, self.band_masks, self.band_width),
        ):
            for _ in range(masks):
                outputs = ops.where(self._stripe(inputs, axis, width), 0.0, outputs)
        return ops.cast(outputs, self.compute_dtype)

    def _stripe(self, inputs: Any, axis: int, widest: int) -> Any:
        """Bool, 1 on all axes but the batch's and `axis`: what one stripe of each sample hides."""
        rank, size = len(inputs.shape), inputs.shape[axis]
        draws = (ops.shape(inputs)[0], *[1] * (rank - 1))
        # In float32: half precision cannot tell all places apart. Rounded down, none is favoured.
        width, place = (
            keras.random.uniform(draws, dtype="float32", seed=self.seed_generator) for _ in "wp"
        )
        width = ops.floor(width * (widest + 1))
        start = ops.floor(place * (size - width + 1))
        along = [1] * rank
        along[axis] = size
        position = ops.reshape(ops.arange(size, dtype="float32"), along)
        return ops.logical_and(position >= start, position < start + width)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "time_masks": self.time_masks,
            "time_width": self.time_width,
            "band_masks": self.band_masks,
            "band_width": self.band_width,
            "seed": self.seed,
        }
