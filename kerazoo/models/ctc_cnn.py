"""A convolutional recogniser of speech for CTC, after QuartzNet (Kriman et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from kerazoo.argument_checks import check_integer
from kerazoo.layers import LogMelSpectrogram, SpecAugment
from kerazoo.models._arguments import check_counts, check_dropped, check_shape
from kerazoo.models._head import classifier_head


def ctc_cnn(
    input_shape: Sequence[int],
    num_classes: int,
    rate: int = 8000,
    bands: int = 40,
    filters: int = 96,
    kernel_size: int = 11,
    blocks: int = 6,
    masks: int = 0,
    dropout: float = 0.1,
    classifier_activation: str | None = None,
) -> keras.Model:
    """Log-mel spectrogram, a convolution with strides, separable ones with shortcuts, a dense head.

    The blocks of arXiv:1910.10261, figure 2, of one module each: a convolution over time for each
    feature, one over the features of each frame. Each clip's mean is taken off the spectrogram, so
    that loudness does not count.

    Args:
        input_shape: (samples,); a waveform, -1..1, in.
        num_classes: labels and the blank of CTC, which is class 0. The output is `(batch, frames,
            num_classes)` logits, a frame each 40 ms.
        rate: samples per second, 80 or more.
        bands: of the mel spectrogram, 25 ms frames every 20 ms.
        filters: of each convolution, 1 or more.
        kernel_size: frames that one sees, 1 or more.
        blocks: 1 or more; each sees `kernel_size - 1` frames more.
        masks: 0 or more stripes of up to 8 frames, and as many of up to 6 bands, hidden in
            training.
        dropout: fraction of the features dropped in training after each block, 0 to below 1.
        classifier_activation: such as "softmax"; None leaves logits.
    """
    check_integer("rate", rate, least=80)  # two samples or more in a frame of 25 ms
    check_integer("masks", masks, least=0)
    check_counts(num_classes=num_classes, bands=bands, filters=filters)
    check_counts(kernel_size=kernel_size, blocks=blocks)
    check_dropped(dropout=dropout)
    inputs = keras.Input(check_shape(input_shape, "samples"), name="waveform")
    spectrogram = LogMelSpectrogram(
        rate, frame_length=rate // 40, frame_step=rate // 50, bands=bands, name="log_mel"
    )
    x = spectrogram(inputs)
    each = layers.Reshape((-1, 1), name="one_column")(x)
    level = layers.GlobalAveragePooling1D(keepdims=True, name="level")(each)
    x = layers.Subtract(name="levelled")([x, level])
    x = SpecAugment(masks, 8, masks, 6, name="hidden_stripes")(x)
    stem = layers.Conv1D(
        filters, kernel_size, strides=2, padding="same", use_bias=False, name="stem"
    )
    x = _norm(stem(x), name="stem")
    x = layers.ReLU(name="stem_relu")(x)
    for block in range(1, blocks + 1):
        name = f"block_{block}"
        y = layers.DepthwiseConv1D(
            kernel_size, padding="same", use_bias=False, name=f"{name}_depthwise"
        )(x)
        y = layers.Conv1D(filters, 1, use_bias=False, name=f"{name}_pointwise")(y)
        x = layers.Add(name=f"{name}_sum")([x, _norm(y, name=name)])
        x = layers.ReLU(name=f"{name}_relu")(x)
        x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return keras.Model(inputs, classifier_head(x, num_classes, classifier_activation))


def _norm(inputs: keras.KerasTensor, *, name: str) -> keras.KerasTensor:
    return layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(inputs)
