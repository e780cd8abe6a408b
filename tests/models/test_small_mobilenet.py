"""The small MobileNet against the arithmetic of the paper's table 2."""

import keras
import pytest

from kerazoo.models.small_mobilenet import small_mobilenet


def parameters_by_hand(stages, stem=16, top=96, classes=10):
    """1x1 and 3x3 kernels, depthwise ones, and four numbers a channel for each normalization."""
    total = 3 * 3 * 3 * stem + 4 * stem
    channels = stem
    for expansion, filters, blocks, _ in stages:
        for _ in range(blocks):
            inner = channels * expansion
            if expansion > 1:
                total += channels * inner + 4 * inner
            total += 9 * inner + 4 * inner + inner * filters + 4 * filters
            channels = filters
    return total + channels * top + 4 * top + (top + 1) * classes


@pytest.mark.parametrize(
    "stages", [((1, 16, 1, 1), (4, 24, 2, 2), (4, 40, 3, 2), (4, 64, 2, 1)), ((2, 8, 2, 2),)]
)
def test_it_has_as_many_parameters_as_its_table_says(stages):
    model = small_mobilenet((32, 32, 3), 10, stages=stages)
    assert model.count_params() == parameters_by_hand(stages)


def test_strides_and_residuals_are_where_the_table_puts_them():
    model = small_mobilenet((32, 32, 3), 10)
    sides = {layer.name: layer.output.shape[1] for layer in model.layers if "project" in layer.name}
    assert sides["stage_1_1_project"] == 32
    assert sides["stage_2_1_project"] == sides["stage_2_2_project"] == 16
    assert sides["stage_3_3_project"] == sides["stage_4_2_project"] == 8
    adds = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Add)]
    assert adds == [
        "stage_1_1_add",
        "stage_2_2_add",
        "stage_3_2_add",
        "stage_3_3_add",
        "stage_4_2_add",
    ]
    assert model.count_params() <= 120_000
