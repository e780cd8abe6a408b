"""A class for each pixel: an image classifier's stages, and a small decoder that adds them up.

A feature pyramid (Lin et al. 2017, arXiv:1612.03144) as Kirillov et al. 2019 (arXiv:1901.02446) use
it for pixels, with the gate of LR-ASPP (Howard et al. 2019, arXiv:1905.02244, section 6.4) at its
top, which tells all places what the whole image shows.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from kerazoo.argument_checks import check_integer
from kerazoo.models._arguments import check_counts, check_dropped, check_shape
from kerazoo.models._inverted_residual import Normalization, conv_norm
from kerazoo.models._resized import resized
from kerazoo.models.efficientnet_lite import efficientnet_lite

_TOP = "stage_6_4_add"
_SKIPS = ("stage_5_3_add", "stage_3_2_add", "stage_2_2_add", "stage_1_1_project_norm")
"""The backbone's last layers of each size: a pixel of theirs is 32, and 16, 8, 4, 2 wide."""

_NORMALIZATION = Normalization(momentum=0.97, epsilon=1e-3)


def segmenter(
    input_shape: Sequence[int],
    num_classes: int,
    filters: int = 64,
    fine_filters: int = 32,
    dropout: float = 0.1,
    drop_connect: float = 0.1,
) -> keras.Model:
    """EfficientNet-Lite0 up to its sixth stage; from there back up to half the image's size.

    Output `(batch, height, width, num_classes)`, float32 logits, enlarged bilinearly from half the
    size.

    The backbone's layers have the names and shapes of `efficientnet_lite`'s, so that they can begin
    with the weights of the zoo's efficientnet_lite0.

    Args:
        input_shape: (height, width, 3), 32 or more; sizes need not be multiples of anything. Pixels
            0..255 in.
        num_classes: width of the output, 1 or more.
        filters: channels of the decoder at 1/16 to 1/4 of the size, 1 or more.
        fine_filters: channels at 1/2 of the size, 1 or more.
        dropout: fraction of channels dropped in training before the logits, 0 to below 1.
        drop_connect: of the backbone, as `efficientnet_lite` takes it.
    """
    check_counts(num_classes=num_classes, filters=filters, fine_filters=fine_filters)
    check_dropped(dropout=dropout, drop_connect=drop_connect)
    size = check_shape(input_shape, "height", "width", "channels")[:2]
    for place, side in enumerate(size):
        check_integer(f"input_shape[{place}]", side, least=32)
    backbone = efficientnet_lite(input_shape, 1, drop_connect=drop_connect)
    x = _gate(_conv(backbone.get_layer(_TOP).output, filters, 1, name="decoder_top"))
    for number, layer in enumerate(_SKIPS):
        skip = backbone.get_layer(layer).output
        width = filters if number < len(_SKIPS) - 1 else fine_filters
        x = _merge(x, skip, width, name=f"decoder_{number + 1}")
    x = layers.SpatialDropout2D(dropout, name="dropout")(x)
    logits = layers.Conv2D(num_classes, 1, dtype="float32", name="logits")(x)
    full_size = resized(logits, *size, name="full_size", dtype="float32")
    return keras.Model(backbone.input, full_size)


def _gate(x: keras.KerasTensor) -> keras.KerasTensor:
    """Each channel times a number from 0 to 1 that depends on the mean of all places."""
    mean = layers.GlobalAveragePooling2D(keepdims=True, name="decoder_mean")(x)
    gate = layers.Conv2D(x.shape[-1], 1, activation="sigmoid", name="decoder_gate")(mean)
    return layers.Multiply(name="decoder_gated")([x, gate])


def _merge(
    coarse: keras.KerasTensor, skip: keras.KerasTensor, filters: int, *, name: str
) -> keras.KerasTensor:
    """Both to `filters` channels, the coarse one to the other's size, added, smoothed."""
    if coarse.shape[-1] != filters:
        coarse = _conv(coarse, filters, 1, name=f"{name}_narrow")
    enlarged = resized(coarse, *skip.shape[1:3], name=f"{name}_enlarge")
    added = layers.Add(name=f"{name}_add")([enlarged, _conv(skip, filters, 1, name=f"{name}_skip")])
    return _conv(added, filters, 3, name=f"{name}_smooth")


def _conv(x: keras.KerasTensor, filters: int, kernel_size: int, *, name: str) -> keras.KerasTensor:
    conv = layers.Conv2D(filters, kernel_size, padding="same", use_bias=False, name=name)
    return conv_norm(x, conv, _NORMALIZATION)
