"""A depthwise-separable network for spoken words (Zhang, Suda, Lai, Chandra 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.layers import LogMelSpectrogram, SpecAugment
from kerazoo.models._arguments import check_counts, check_dropped, check_shape
from kerazoo.models._head import classifier_head


def keyword_cnn(
    input_shape: Sequence[int],
    num_classes: int,
    rate: int = 8000,
    bands: int = 40,
    filters: int = 64,
    blocks: int = 4,
    noise: float = 0.0,
    masks: int = 0,
    dropout: float = 0.2,
    classifier_activation: str | None = None,
) -> keras.Model:
    """Log-mel spectrogram, a convolution, depthwise-separable ones, global average, a dense head.

    DS-CNN of "Hello Edge", arXiv:1711.07128, table 2, with the spectrogram inside the model and
    each clip's mean taken off, so that loudness does not count.

    Args:
        input_shape: (samples,); a waveform, -1..1, in.
        num_classes: width of the output, `(batch, num_classes)` logits.
        rate: samples per second, 80 or more.
        bands: of the mel spectrogram, 25 ms frames every 20 ms.
        filters: of each convolution, 1 or more.
        blocks: 1 or more depthwise-separable convolutions, of which the first halves both sides, as
            in the paper's larger networks.
        noise: standard deviation of what is added to the spectrogram in training, in nepers, 0 to
            1.
        masks: 0 or more stripes of up to 6 frames, and as many of up to 6 bands, hidden in
            training.
        dropout: fraction of the features dropped in training before the head, 0 to below 1.
        classifier_activation: such as "softmax"; None leaves logits.
    """
    check_integer("rate", rate, least=80)  # two samples or more in a frame of 25 ms
    check_integer("masks", masks, least=0)
    check_number("noise", noise, least=0, most=1)
    check_counts(num_classes=num_classes, bands=bands, filters=filters, blocks=blocks)
    check_dropped(dropout=dropout)
    inputs = keras.Input(check_shape(input_shape, "samples"), name="waveform")
    spectrogram = LogMelSpectrogram(
        rate, frame_length=rate // 40, frame_step=rate // 50, bands=bands, name="log_mel"
    )
    x = spectrogram(inputs)
    x = layers.Reshape((*x.shape[1:], 1), name="one_channel")(x)
    level = layers.GlobalAveragePooling2D(keepdims=True, name="level")(x)
    x = layers.Subtract(name="levelled")([x, level])
    x = layers.GaussianNoise(noise, name="noise")(x)
    x = SpecAugment(masks, 6, masks, 6, name="hidden_stripes")(x)
    stem = layers.Conv2D(filters, (10, 4), strides=2, padding="same", use_bias=False, name="stem")
    x = _norm_relu(stem(x), name="stem")
    for block in range(1, blocks + 1):
        name = f"block_{block}"
        strides = 2 if block == 1 else 1
        depthwise = layers.DepthwiseConv2D(
            3, strides, padding="same", use_bias=False, name=f"{name}_depthwise"
        )
        x = _norm_relu(depthwise(x), name=f"{name}_depthwise")
        pointwise = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_pointwise")
        x = _norm_relu(pointwise(x), name=f"{name}_pointwise")
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, classifier_head(x, num_classes, classifier_activation))


def _norm_relu(inputs: keras.KerasTensor, *, name: str) -> keras.KerasTensor:
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(inputs)
    return layers.ReLU(name=f"{name}_relu")(x)
