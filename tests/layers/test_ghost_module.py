"""GhostModule against NumPy, and its cost against the paper's."""

import keras
import numpy as np
import pytest

from kerazoo.errors import ConfigError
from kerazoo.layers import ConvNormAct, GhostModule

IMAGES = np.random.default_rng(1).normal(size=(2, 7, 6, 4)).astype("float32")


@pytest.mark.parametrize(
    "arguments",
    [{}, {"ratio": 3, "kernel_size": 3}, {"ratio": 4, "strides": 2, "ghost_kernel_size": 5}],
)
def test_outputs_are_those_of_the_formula(arguments, by_numpy, scatter):
    layer = GhostModule(12, **arguments)
    layer.build(IMAGES.shape)
    scatter(layer)
    strides = (arguments.get("strides", 1),) * 2
    primary, ghost = layer.get_weights()[0], keras.ops.convert_to_numpy(layer.ghost.kernel)
    x = by_numpy.normalize(by_numpy.convolve(IMAGES, primary, strides), layer.primary.normalize)
    intrinsic = np.maximum(x, 0)
    x = by_numpy.normalize(by_numpy.convolve_depthwise(intrinsic, ghost), layer.ghost_normalize)
    expected = np.concatenate([intrinsic, np.maximum(x, 0)], axis=-1)
    assert expected.shape[-1] == 12
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(layer(IMAGES)), expected, atol=5e-5, rtol=5e-5
    )


@pytest.mark.parametrize(("ratio", "saved"), [(2, 1.9), (4, 3.5)])
def test_it_costs_a_part_of_a_convolution(ratio, saved):
    """Equation 5: the saving is near s for d like k and many channels in."""
    ghost, plain = GhostModule(64, 3, ratio=ratio), ConvNormAct(64, 3)
    for layer in (ghost, plain):
        layer.build((None, 8, 8, 64))
    assert plain.count_params() / ghost.count_params() > saved


def test_parameters_are_those_of_the_authors_module():
    """Module of GhostNet's first block, 16 to 16 channels: 16 * 8 + 9 * 8, and 4 per channel."""
    layer = GhostModule(16)
    layer.build((None, 8, 8, 16))
    assert layer.count_params() == 16 * 8 + 9 * 8 + 4 * 16


@pytest.mark.parametrize(
    ("ratio", "rule"), [(1, "an integer of 2 or above"), (5, "divide"), (3, "divide")]
)
def test_a_ratio_that_does_not_divide_is_one_line(ratio, rule):
    with pytest.raises(ConfigError, match=f"`ratio` must (be )?{rule}.* Received: "):
        GhostModule(16, ratio=ratio)
