"""AdaRound of one layer: its formulas, that it beats rounding to the nearest, what it keeps."""

import keras
import numpy as np
import pytest

from kerazoo.compress._learned_rounding import is_free, learn_rounding, rectified_sigmoid
from kerazoo.compress._weight_grid import weight_grid


def correlated(rng, shape, samples):
    """Inputs in which weights' errors can cancel: all numbers follow from four."""
    width = int(np.prod(shape))
    hidden = np.random.default_rng(7).normal(size=(4, width))
    x = rng.normal(size=(samples, 4)) @ hidden / 3 + 0.1 * rng.normal(size=(samples, width))
    return np.maximum(x, 0).reshape(samples, *shape).astype("float32")


def fake_quant(weight, bits, axes):
    """What any later fake-quant does: symmetric over the largest value, to the nearest."""
    limit = 2 ** (bits - 1) - 1
    others = tuple(axis for axis in range(weight.ndim) if axis not in axes)
    step = np.abs(weight).max(axis=others, keepdims=True) / limit
    return np.round(weight / step) * step


def test_the_rectified_sigmoid_is_that_of_the_paper():
    v = np.linspace(-6, 6, 101).astype("float32")
    expected = np.clip(1 / (1 + np.exp(-v)) * (1.1 + 0.1) - 0.1, 0, 1)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(rectified_sigmoid(v)), expected, atol=1e-6
    )
    assert expected[0] == 0
    assert expected[-1] == 1


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("axes", [(3,), (2, 3), ()])
def test_a_grid_is_found_again_by_fake_quant(bits, axes):
    weight = np.random.default_rng(0).standard_t(3, (3, 3, 4, 5)).astype("float32")
    grid = weight_grid(weight, bits=bits, axes=axes)
    nearest = grid.nearest(weight)
    np.testing.assert_allclose(fake_quant(nearest, bits, axes), nearest, rtol=1e-5, atol=1e-7)
    # Never worse than the grid over the whole range, and better where weights have long tails.
    error, plain = (np.sum((x - weight) ** 2) for x in (nearest, fake_quant(weight, bits, axes)))
    assert error < (0.96 if bits == 4 else 1 + 1e-6) * plain


def test_a_channel_of_zeros_stays_zero():
    weight = np.zeros((2, 3), "float32")
    assert not weight_grid(weight, bits=4, axes=(1,)).nearest(weight).any()


@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_learned_rounding_beats_the_nearest_on_held_out_data(kind):
    keras.utils.set_random_seed(0)
    if kind == "dense":
        layer, shape, axes = keras.layers.Dense(8), (24,), ()
    else:
        layer, shape, axes = keras.layers.Conv2D(8, 3, activation="relu"), (4, 4, 4), (3,)
    layer.build((None, *shape))
    kernel = layer.kernel.numpy()
    grid = weight_grid(kernel, bits=4, axes=axes)
    rng = np.random.default_rng(0)
    x, unseen = correlated(rng, shape, 256), correlated(rng, shape, 200)
    targets, expected = (keras.ops.convert_to_numpy(layer(data)) for data in (x, unseen))

    learned = learn_rounding(layer, {"kernel": grid}, x, targets, steps=250)["kernel"]
    np.testing.assert_array_equal(layer.kernel.numpy(), kernel)  # the layer is left alone

    def error(weight):
        layer.kernel.assign(weight)
        outputs = keras.ops.convert_to_numpy(layer(unseen))
        layer.kernel.assign(kernel)
        return np.mean((outputs - expected) ** 2)

    assert error(learned) < 0.8 * error(grid.nearest(kernel))
    np.testing.assert_allclose(fake_quant(learned, 4, axes), learned, rtol=1e-5, atol=1e-7)
    # Up or down, and nothing else; what is on the grid already stays.
    position, moved = grid.position(kernel), learned / grid.step
    assert np.abs(moved - np.round(moved)).max() < 1e-4
    assert np.abs(moved - position).max() < 1 + 1e-4
    fixed = ~is_free(position)
    assert fixed.any()
    np.testing.assert_allclose(moved[fixed], np.round(position[fixed]), atol=1e-4)
