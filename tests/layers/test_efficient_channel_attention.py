"""EfficientChannelAttention against its formula in NumPy, and the table of kernel sizes."""

import keras
import numpy as np
import pytest

from kerazoo.errors import ConfigError
from kerazoo.layers import EfficientChannelAttention


def by_formula(x, w):
    """sigma(C1D(mean(x))) * x, each channel with its neighbours, zeros beyond the ends."""
    outputs, reach = np.empty_like(x), len(w) // 2
    for sample in range(len(x)):
        means = x[sample].mean(axis=(0, 1))
        for channel in range(len(means)):
            total = 0.0
            for step in range(-reach, reach + 1):
                if 0 <= channel + step < len(means):
                    total += w[step + reach] * means[channel + step]
            outputs[sample, ..., channel] = x[sample, ..., channel] / (1 + np.exp(-total))
    return outputs


@pytest.mark.parametrize("kernel_size", [1, 3, 7])
def test_outputs_are_those_of_the_formula(kernel_size):
    rng = np.random.default_rng(0)
    images = rng.normal(1, 2, size=(3, 5, 4, 6)).astype("float32")
    layer = EfficientChannelAttention(kernel_size)
    layer.build(images.shape)
    weights = rng.normal(0, 2, kernel_size)
    layer.set_weights([weights.reshape(1, kernel_size, 1, 1)])
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(layer(images)), by_formula(images, weights), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    ("channels", "size"),
    # By hand: (log2(C) + 1) / 2, cut to an integer, and one more if even (the paper's figure 3).
    [(1, 1), (8, 3), (16, 3), (64, 3), (128, 5), (256, 5), (512, 5), (1024, 5), (2048, 7)],
)
def test_the_kernel_grows_with_the_channels(channels, size):
    layer = EfficientChannelAttention()
    layer.build((None, 2, 2, channels))
    assert layer.count_params() == size


@pytest.mark.parametrize("gamma", [1, 2, 3])
@pytest.mark.parametrize("b", [-3, 0, 1])
def test_other_gamma_and_b(gamma, b):
    layer = EfficientChannelAttention(gamma=gamma, b=b)
    layer.build((None, 2, 2, 32))
    cut = int(abs(5 + b) / gamma)
    assert layer.count_params() == (cut if cut % 2 else cut + 1)


def test_height_and_width_may_be_open():
    inputs = keras.Input((None, None, 4))
    model = keras.Model(inputs, EfficientChannelAttention()(inputs))
    assert tuple(model(np.ones((1, 3, 5, 4))).shape) == (1, 3, 5, 4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"kernel_size": 4}, "`kernel_size` must be odd. Received: 4."),
        ({"kernel_size": 0}, "`kernel_size` must be an integer of 1 or above"),
        ({"gamma": 0}, "`gamma` must be a finite number above 0"),
        ({"b": "1"}, "`b` must be a finite number"),
    ],
)
def test_arguments_out_of_range_are_one_line(arguments, words):
    with pytest.raises(ConfigError, match=words):
        EfficientChannelAttention(**arguments)
