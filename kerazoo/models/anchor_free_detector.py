"""A detector without anchors: each cell of a grid says what it is in, and where that ends.

FCOS (Tian, Shen, Chen, He 2019, arXiv:1904.01355) with one grid in place of five, which does where
objects differ in size by a factor of ten or so; the finer features of the grid get the coarser ones
added (Lin et al. 2017, arXiv:1612.03144).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
from keras import layers

from kerazoo.errors import ConfigError
from kerazoo.models._arguments import check_counts, check_dropped, check_shape
from kerazoo.models._inverted_residual import Normalization, conv_norm
from kerazoo.models.efficientnet_lite import efficientnet_lite

STRIDE = 8
"""Pixels from one cell of the grid to the next."""

_FINE, _COARSE = "stage_3_2_add", "stage_5_3_add"
"""The backbone's last layers with a stride of 8 and of 16 pixels."""

_NORMALIZATION = Normalization(momentum=0.97, epsilon=1e-3)
_RARE = 0.01
"""What each cell holds each class to be before training, so that the many empty cells do not rule
the first steps (Lin et al. 2017, arXiv:1708.02002, section 4.1)."""


def anchor_free_detector(
    input_shape: Sequence[int],
    num_classes: int,
    filters: int = 64,
    head_blocks: int = 1,
    drop_connect: float = 0.0,
) -> keras.Model:
    """EfficientNet-Lite0 up to its fifth stage; a neck; a branch for classes and one for edges.

    Output `(batch, height / 8 * width / 8, num_classes + 5)`, float32, cells row by row: logits of
    the classes (sigmoid: each for itself); natural logarithms of the distances from the cell's
    centre to the object's left, top, right and bottom edge, in units of 8 pixels; and the logit of
    the centerness. `kerazoo.losses.AnchorFreeLoss` trains it, `kerazoo.layers.DecodeBoxes` reads
    it.

    The backbone's layers have the names and shapes of `efficientnet_lite`'s, so that they can begin
    with the weights of the zoo's efficientnet_lite0.

    Args:
        input_shape: (height, width, 3), both multiples of 16; pixels 0..255 in.
        num_classes: 1 or more; the background is none of them.
        filters: channels of neck and branches, 1 or more.
        head_blocks: 3x3 convolutions in each branch before its last, 1 or more.
        drop_connect: of the backbone, as `efficientnet_lite` takes it.

    Raises: ConfigError for an argument out of its range.
    """
    check_counts(num_classes=num_classes, filters=filters, head_blocks=head_blocks)
    check_dropped(drop_connect=drop_connect)
    height, width, _ = check_shape(input_shape, "height", "width", "channels")
    if height % (2 * STRIDE) or width % (2 * STRIDE):
        raise ConfigError(
            f"`input_shape`: height and width must be multiples of {2 * STRIDE}. "
            f"Received: {tuple(input_shape)}."
        )
    backbone = efficientnet_lite(input_shape, 1, drop_connect=drop_connect)
    fine, coarse = (backbone.get_layer(name).output for name in (_FINE, _COARSE))
    features = _neck(fine, coarse, filters)
    classes = _branch(features, filters, head_blocks, name="classes")
    edges = _branch(features, filters, head_blocks, name="edges")
    rarely = keras.initializers.Constant(-math.log((1 - _RARE) / _RARE))
    outputs = [
        _last(classes, num_classes, "class_logits", rarely),
        _last(edges, 4, "log_distances", keras.initializers.Constant(1.0)),
        _last(edges, 1, "centerness", "zeros"),
    ]
    cells = layers.Concatenate(dtype="float32", name="grid")(outputs)
    cells = layers.Reshape((-1, num_classes + 5), dtype="float32", name="cells")(cells)
    return keras.Model(backbone.input, cells)


def _neck(fine: keras.KerasTensor, coarse: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    """Both to `filters` channels, the coarse one to the fine one's size, added, smoothed."""
    coarse = _conv(coarse, filters, 1, name="neck_coarse")
    coarse = layers.UpSampling2D(2, name="neck_upsample")(coarse)
    fine = _conv(fine, filters, 1, name="neck_fine")
    total = layers.Add(name="neck_add")([fine, coarse])
    return _conv(total, filters, 3, name="neck_smooth")


def _branch(x: keras.KerasTensor, filters: int, blocks: int, *, name: str) -> keras.KerasTensor:
    for block in range(1, blocks + 1):
        x = _conv(x, filters, 3, name=f"{name}_{block}")
    return x


def _conv(x: keras.KerasTensor, filters: int, kernel_size: int, *, name: str) -> keras.KerasTensor:
    conv = layers.Conv2D(filters, kernel_size, padding="same", use_bias=False, name=name)
    return conv_norm(x, conv, _NORMALIZATION)


def _last(x: keras.KerasTensor, filters: int, name: str, bias: object) -> keras.KerasTensor:
    """float32 whatever the precision of the rest."""
    small = keras.initializers.RandomNormal(stddev=0.01)
    return layers.Conv2D(
        filters,
        3,
        padding="same",
        kernel_initializer=small,
        bias_initializer=bias,
        dtype="float32",
        name=name,
    )(x)
