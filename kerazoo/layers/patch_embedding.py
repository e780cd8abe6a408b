"""A picture as a sequence of patches: what a Vision Transformer reads (Dosovitskiy et al. 2021)."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from kerazoo.argument_checks import check_integer
from kerazoo.errors import DataError
from kerazoo.layers._checks import as_pair, check_channels
from kerazoo.layers._trainable_parts import freeze_parts_with


@keras.saving.register_keras_serializable(package="kerazoo")
class PatchEmbedding(layers.Layer):
    """z = [c; E x_1; E x_2; ...; E x_N] + P: a vector for each patch, row by row from the top left.

    x_i are the N patches of a picture, E a linear map (a convolution whose stride is its kernel), c
    a learned vector that stands in front, P a learned table with a row for each vector. c and P
    belong to this layer, since c gets a position too, and only here is N known.

    Source: Dosovitskiy et al. 2021, arXiv:2010.11929, equation 1; initial values as in the authors'
    code (c: 0; P: normal, deviation 0.02). Not here: their P resized for larger pictures.

    Args:
        units: width of a vector, above 0.
        patch_size: pixels, an integer or a pair (height, width); must divide the picture's sides.
        class_token: whether c stands in front.
        learned_positions: whether P is added. Without it, sides may be unknown (None) when the
            layer is built, and a picture cannot tell its patches' places: add
            `SinusoidalPositions` or the like.

    Shape: `(batch, height, width, channels)`, channels last only, to `(batch, N, units)`, or
    `(batch, N + 1, units)` with `class_token`; N = height // patch height * width // patch width.

    Raises: ConfigError if an argument is out of its range, DataError if a patch does not divide the
    picture.

    >>> tuple(PatchEmbedding(32, patch_size=8)(np.ones((2, 24, 16, 3))).shape)
    (2, 7, 32)
    """

    def __init__(
        self,
        units: int,
        patch_size: int | tuple[int, int] = 16,
        class_token: bool = True,
        learned_positions: bool = True,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.units = check_integer("units", units)
        self.patch_size = as_pair("patch_size", patch_size)
        self.class_token, self.learned_positions = class_token, learned_positions
        self.projection = layers.Conv2D(
            self.units,
            self.patch_size,
            strides=self.patch_size,
            data_format="channels_last",
            kernel_initializer="lecun_normal",
            dtype=self.dtype_policy,
            name="projection",
        )
        self.input_spec = layers.InputSpec(ndim=4)

    def build(self, input_shape):
        check_channels(self.name, input_shape)
        count = self.compute_output_shape(input_shape)[1]
        if self.learned_positions and count is None:
            raise DataError(
                f"`learned_positions` needs pictures of one size. Received: input_shape="
                f"{tuple(input_shape)}. Fix height and width, or set learned_positions=False."
            )
        self.projection.build(input_shape)
        if self.class_token:
            self.class_embedding = self.add_weight(
                (1, 1, self.units), "zeros", name="class_embedding"
            )
        if self.learned_positions:
            self.input_spec = layers.InputSpec(shape=(None, *input_shape[1:]))
            self.position_embedding = self.add_weight(
                (1, count, self.units),
                keras.initializers.RandomNormal(stddev=0.02),
                name="position_embedding",
            )
        freeze_parts_with(self)

    def call(self, inputs):
        self._check_sides(inputs.shape)  # a layer built for one size may meet another
        patches = self.projection(inputs)
        batch, rows, columns, units = ops.shape(patches)
        tokens = ops.reshape(patches, (-1, rows * columns, units))
        if self.class_token:
            first = ops.broadcast_to(self.class_embedding, (batch, 1, units))
            tokens = ops.concatenate([first, tokens], axis=1)
        return tokens + self.position_embedding if self.learned_positions else tokens

    def _check_sides(self, shape):
        for side, patch in zip(shape[1:3], self.patch_size, strict=True):
            if side is not None and (side == 0 or side % patch):
                raise DataError(
                    f"`patch_size` must divide the picture's sides. Received: patch_size="
                    f"{self.patch_size}, input_shape={tuple(shape)}. Resize, crop or pad the "
                    f"picture."
                )

    def compute_output_shape(self, input_shape):
        self._check_sides(input_shape)
        _, height, width, _ = input_shape
        if height is None or width is None:
            return (input_shape[0], None, self.units)
        count = height // self.patch_size[0] * (width // self.patch_size[1])
        return (input_shape[0], count + self.class_token, self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "patch_size": self.patch_size,
            "class_token": self.class_token,
            "learned_positions": self.learned_positions,
        }
