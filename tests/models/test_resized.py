"""A call that does not say what it is for is inference, also behind a resize."""

import keras
import numpy as np
import pytest

from kerazoo.models.efficientnet_lite import efficientnet_lite
from kerazoo.models.segmenter import segmenter


def enlarged():
    small = {"width_coefficient": 0.5, "depth_coefficient": 0.2}
    return efficientnet_lite((32, 32, 3), 10, resize_to=(64, 64), **small)


@pytest.mark.parametrize("make", [enlarged, lambda: segmenter((32, 32, 3), 5)])
def test_a_plain_call_changes_nothing_and_a_training_step_does(make):
    keras.utils.set_random_seed(0)
    model = make()
    images = np.random.default_rng(0).integers(0, 256, (2, *model.input_shape[1:3], 3))
    before = [np.array(weight) for weight in model.non_trainable_weights]
    plain, told = (np.asarray(model(images, **how)) for how in ({}, {"training": False}))
    np.testing.assert_array_equal(plain, told)
    after = [np.array(weight) for weight in model.non_trainable_weights]
    assert all(map(np.array_equal, before, after))
    model(images, training=True)
    pairs = zip(model.non_trainable_weights, before, strict=True)
    moved = [not np.array_equal(*pair) for pair in pairs]
    assert all(moved[-8:])  # those of the last normalizations, behind every resize
