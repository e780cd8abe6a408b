"""A small MobileNetV2 for small colour images (Sandler et al. 2018, arXiv:1801.04381)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from kerazoo.argument_checks import check_integers, check_list
from kerazoo.errors import ConfigError
from kerazoo.models._arguments import check_counts, check_shape
from kerazoo.models._head import classifier_head
from kerazoo.models._inverted_residual import conv_norm, inverted_residual


def small_mobilenet(
    input_shape: Sequence[int],
    num_classes: int,
    stem_filters: int = 16,
    stages: Sequence[Sequence[int]] = ((1, 16, 1, 1), (4, 24, 2, 2), (4, 40, 3, 2), (4, 64, 2, 1)),
    top_filters: int = 96,
    classifier_activation: str | None = None,
) -> keras.Model:
    """Inverted residuals between a 3x3 stem and a 1x1 top, global average, a dense head.

    MobileNetV2 with its stem at full resolution and fewer, narrower stages, as 32x32 pixels ask
    for: about 110,000 weights. Made for int8: each convolution has a BatchNormalization to fold,
    activations end at 6, and everything is a plain Keras layer.

    Args:
        input_shape: (height, width, channels), sizes may be None; pixels 0..255 in.
        num_classes: width of the output, `(batch, num_classes)` logits.
        stem_filters: width of the first convolution, 1 or more.
        stages: of each stage (expansion factor, filters, blocks, strides of its first block), each
            1 or more, the columns t, c, n, s of the paper's table 2.
        top_filters: width of the 1x1 convolution before the average, 1 or more.
        classifier_activation: such as "softmax"; None leaves logits.
    """
    check_counts(num_classes=num_classes, stem_filters=stem_filters, top_filters=top_filters)
    stages = [check_integers("stages", stage) for stage in check_list("stages", stages)]
    if any(len(stage) != 4 for stage in stages):
        raise ConfigError(
            f"`stages` must be lists of expansion, filters, blocks, strides. Received: {stages}."
        )
    inputs = keras.Input(
        check_shape(input_shape, "height", "width", "channels", open_axes=2), name="image"
    )
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="scale")(inputs)
    x = conv_norm(x, layers.Conv2D(stem_filters, 3, padding="same", use_bias=False, name="stem"))
    for stage, (expansion, filters, blocks, strides) in enumerate(stages, start=1):
        for block in range(1, blocks + 1):
            x = inverted_residual(
                x,
                expansion,
                filters,
                strides=strides if block == 1 else 1,
                name=f"stage_{stage}_{block}",
            )
    x = conv_norm(x, layers.Conv2D(top_filters, 1, use_bias=False, name="top"))
    x = layers.GlobalAveragePooling2D(name="average")(x)
    return keras.Model(inputs, classifier_head(x, num_classes, classifier_activation))
