"""Residual networks for small images (He, Zhang, Ren, Sun 2015, arXiv:1512.03385, section 4.2)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from kerazoo.argument_checks import check_integers
from kerazoo.models._arguments import check_counts, check_shape
from kerazoo.models._head import classifier_head


def cifar_resnet(
    input_shape: Sequence[int],
    num_classes: int,
    blocks: int = 3,
    filters: Sequence[int] = (16, 32, 64),
    classifier_activation: str | None = None,
) -> keras.Model:
    """A 3x3 stem, stages of residual blocks of two 3x3 convolutions, global average, a dense head.

    The paper's network with 6 `blocks` + 2 layers: 3 make ResNet-20 (274,042 numbers, 1,568 of them
    moving statistics), 5 ResNet-32, 7 ResNet-44, 9 ResNet-56, 18 ResNet-110.

    Where a stage halves the image and doubles the channels, the shortcut is a 1x1 convolution with
    stride 2 (the paper's option B), as it quantizes and prunes like any other layer; the paper's
    own CIFAR-10 networks pad the channels with zeros there.

    Args:
        input_shape: (height, width, channels), sizes may be None; pixels 0..255 in.
        num_classes: width of the output, `(batch, num_classes)` logits.
        blocks: residual blocks per stage, 1 or more.
        filters: of each stage, one or more; all but the first halve the image.
        classifier_activation: such as "softmax"; None leaves logits.
    """
    check_counts(num_classes=num_classes, blocks=blocks)
    filters = check_integers("filters", filters, shortest=1)
    inputs = keras.Input(
        check_shape(input_shape, "height", "width", "channels", open_axes=2), name="image"
    )
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="scale")(inputs)
    x = layers.ReLU(name="stem_relu")(_conv_norm(x, filters[0], 3, name="stem"))
    for stage, width in enumerate(filters, start=1):
        for block in range(1, blocks + 1):
            strides = 2 if stage > 1 and block == 1 else 1
            x = _residual_block(x, width, strides, name=f"stage_{stage}_{block}")
    x = layers.GlobalAveragePooling2D(name="average")(x)
    return keras.Model(inputs, classifier_head(x, num_classes, classifier_activation))


def _residual_block(
    inputs: keras.KerasTensor, filters: int, strides: int, *, name: str
) -> keras.KerasTensor:
    """relu(shortcut(x) + norm(conv(relu(norm(conv(x))))))."""
    x = _conv_norm(inputs, filters, 3, strides, name=f"{name}_first")
    x = layers.ReLU(name=f"{name}_first_relu")(x)
    x = _conv_norm(x, filters, 3, name=f"{name}_second")
    shortcut = inputs
    if strides > 1 or inputs.shape[-1] != filters:
        shortcut = _conv_norm(inputs, filters, 1, strides, name=f"{name}_shortcut")
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([shortcut, x]))


def _conv_norm(
    inputs: keras.KerasTensor, filters: int, kernel_size: int, strides: int = 1, *, name: str
) -> keras.KerasTensor:
    x = layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(inputs)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_norm")(x)
