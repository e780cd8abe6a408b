"""EfficientNet-Lite0 to Lite4: EfficientNet (Tan, Le 2019, arXiv:1905.11946) made for phones.

After TensorFlow's own release (github.com/tensorflow/tpu, models/official/efficientnet/lite, 2020):
ReLU6 for swish and no squeeze-and-excitation, as integer arithmetic asks for; stem, top and the
depth of the first and last stage are the same in all sizes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
from keras import layers

from kerazoo.argument_checks import check_integers, check_number
from kerazoo.errors import ConfigError
from kerazoo.models._arguments import check_counts, check_dropped, check_shape
from kerazoo.models._head import classifier_head
from kerazoo.models._inverted_residual import Normalization, conv_norm, inverted_residual
from kerazoo.models._resized import resized

_STAGES = (
    (1, 3, 16, 1, 1),
    (6, 3, 24, 2, 2),
    (6, 5, 40, 2, 2),
    (6, 3, 80, 3, 2),
    (6, 5, 112, 3, 1),
    (6, 5, 192, 4, 2),
    (6, 3, 320, 1, 1),
)
"""Of each stage: expansion, kernel size, filters, blocks, strides of its first block."""

_STEM, _TOP = 32, 1280
_NORMALIZATION = Normalization(momentum=0.99, epsilon=1e-3)


def efficientnet_lite(
    input_shape: Sequence[int],
    num_classes: int,
    width_coefficient: float = 1.0,
    depth_coefficient: float = 1.0,
    dropout: float = 0.2,
    drop_connect: float = 0.2,
    classifier_activation: str | None = None,
    resize_to: Sequence[int] | None = None,
) -> keras.Model:
    """Inverted residuals in seven stages between a 3x3 stem and a 1x1 top; average; a dense head.

    | size | input | width_coefficient | depth_coefficient | dropout |
    |---|---|---|---|---|
    | Lite0 | 224 | 1.0 | 1.0 | 0.2 |
    | Lite1 | 240 | 1.0 | 1.1 | 0.2 |
    | Lite2 | 260 | 1.1 | 1.2 | 0.3 |
    | Lite3 | 280 | 1.2 | 1.4 | 0.3 |
    | Lite4 | 300 | 1.4 | 1.8 | 0.3 |

    Args:
        input_shape: (height, width, 3); pixels 0..255 in, scaled to (x - 127) / 128 inside. Sizes
            may be None, the weights do not depend on them; below 32 little is left of an image.
        num_classes: width of the output, `(batch, num_classes)` logits.
        width_coefficient: above 0; times the filters of each stage, to a multiple of 8.
        depth_coefficient: above 0; times the blocks of each stage, rounded up; not the first and
            last stage.
        dropout: fraction of the features dropped in training before the head, 0 to below 1.
        drop_connect: fraction of samples for which the last block is left out in training, 0 to
            below 1; it grows linearly from 0 at the first block.
        classifier_activation: such as "softmax"; None leaves logits.
        resize_to: (height, width) that images are brought to inside, bilinearly; None leaves them.
            The five halvings leave little of a small image: weights of large ones serve it better
            once it is enlarged.
    """
    check_counts(num_classes=num_classes)
    check_number("width_coefficient", width_coefficient, above=0)
    check_number("depth_coefficient", depth_coefficient, above=0)
    check_dropped(dropout=dropout, drop_connect=drop_connect)
    inputs = keras.Input(
        check_shape(input_shape, "height", "width", "channels", open_axes=2), name="image"
    )
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="scale")(inputs)
    if resize_to is not None:
        size = check_integers("resize_to", resize_to)
        if len(size) != 2:
            raise ConfigError(f"`resize_to` must be height and width. Received: {size}.")
        x = resized(x, *size, name="resize")
    stem = layers.Conv2D(_STEM, 3, strides=2, padding="same", use_bias=False, name="stem")
    x = conv_norm(x, stem, _NORMALIZATION)
    depths = [_depth(number, depth_coefficient) for number in range(len(_STAGES))]
    before = 0
    for number, (expansion, kernel_size, filters, _, strides) in enumerate(_STAGES):
        for block in range(depths[number]):
            x = inverted_residual(
                x,
                expansion,
                _width(filters, width_coefficient),
                strides=strides if block == 0 else 1,
                name=f"stage_{number + 1}_{block + 1}",
                kernel_size=kernel_size,
                drop_connect=drop_connect * before / sum(depths),
                normalization=_NORMALIZATION,
            )
            before += 1
    x = conv_norm(x, layers.Conv2D(_TOP, 1, use_bias=False, name="top"), _NORMALIZATION)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, classifier_head(x, num_classes, classifier_activation))


def _width(filters: int, coefficient: float) -> int:
    """Scaled, to the nearest multiple of 8 that is not more than a tenth below."""
    scaled = filters * coefficient
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * scaled else rounded + 8


def _depth(stage: int, coefficient: float) -> int:
    blocks = _STAGES[stage][3]
    is_end = stage in (0, len(_STAGES) - 1)
    return blocks if is_end else math.ceil(blocks * coefficient)
