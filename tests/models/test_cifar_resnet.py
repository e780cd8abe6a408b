"""ResNets for small images against the paper's table 6 and the arithmetic of their layers."""

import keras
import pytest

from kerazoo.models.cifar_resnet import cifar_resnet


def parameters_by_hand(blocks, filters=(16, 32, 64), classes=10):
    """3x3 and 1x1 kernels, and four numbers a channel for each normalization."""
    total, channels = 27 * filters[0] + 4 * filters[0], filters[0]
    for stage, width in enumerate(filters):
        for _ in range(blocks):
            total += 9 * channels * width + 9 * width * width + 8 * width
            channels = width
        if stage:
            total += filters[stage - 1] * width + 4 * width
    return total + (channels + 1) * classes


@pytest.mark.parametrize(("blocks", "millions"), [(3, 0.27), (9, 0.85)])
def test_sizes_are_those_of_the_paper(blocks, millions):
    model = cifar_resnet((32, 32, 3), 10, blocks=blocks)
    assert model.count_params() == parameters_by_hand(blocks)
    assert model.count_params() / 1e6 == pytest.approx(millions, abs=0.02)
    weighted = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)
        and "shortcut" not in layer.name
    ]
    assert len(weighted) == 6 * blocks + 2  # the number in the network's name


def test_stages_halve_the_image_and_their_first_blocks_have_a_convolution_beside_them():
    model = cifar_resnet((32, 32, 3), 10)
    sides = {layer.name: layer.output.shape[1:] for layer in model.layers if "_add" in layer.name}
    assert sides["stage_1_3_add"] == (32, 32, 16)
    assert sides["stage_2_1_add"] == (16, 16, 32)
    assert sides["stage_3_1_add"] == (8, 8, 64)
    beside = {layer.name for layer in model.layers if layer.name.endswith("shortcut")}
    assert beside == {"stage_2_1_shortcut", "stage_3_1_shortcut"}
