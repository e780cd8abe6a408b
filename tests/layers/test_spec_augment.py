"""SpecAugment: stripes of the promised widths, evenly placed, in training only."""

import keras
import numpy as np
import pytest

from kerazoo.errors import ConfigError, DataError
from kerazoo.layers import SpecAugment


def hidden(layer, shape):
    """Bool, of `shape`: what the layer hides of ones in training."""
    outputs = keras.ops.convert_to_numpy(layer(np.ones(shape, "float32"), training=True))
    assert set(np.unique(outputs)) <= {0.0, 1.0}
    return outputs == 0


@pytest.mark.parametrize("channels", [(), (2,)])
def test_stripes_are_whole(channels):
    time = hidden(SpecAugment(1, 4, band_masks=0, seed=1), (50, 9, 7, *channels))
    assert (time == time[:, :, :1]).all()
    assert (time == time[..., :1]).all()
    bands = hidden(SpecAugment(time_masks=0, band_masks=1, band_width=3, seed=1), (50, 9, 7))
    assert (bands == bands[:, :1]).all()


def test_each_width_and_place_is_as_likely_as_the_next():
    """By the definition: width w of 0..3 by chance, then one of its 8 - w + 1 places."""
    frames = hidden(SpecAugment(1, 3, band_masks=0, seed=1), (40_000, 8, 2))[:, :, 0]
    rows, counts = np.unique(frames, axis=0, return_counts=True)
    found = {tuple(row): count / len(frames) for row, count in zip(rows, counts, strict=True)}
    expected = {(False,) * 8: 1 / 4}
    for width in (1, 2, 3):
        for start in range(8 - width + 1):
            row = np.zeros(8, bool)
            row[start : start + width] = True
            expected[tuple(row)] = 1 / 4 / (8 - width + 1)
    assert found.keys() == expected.keys()
    for row, share in expected.items():
        assert abs(found[row] - share) < 4 * np.sqrt(share * (1 - share) / len(frames))


def test_several_stripes_of_both_kinds():
    layer = SpecAugment(time_masks=2, time_width=2, band_masks=3, band_width=1, seed=2)
    covered = hidden(layer, (500, 20, 30))
    frames, bands = covered.all(axis=2).sum(axis=1), covered.all(axis=1).sum(axis=1)
    assert frames.max() == 4
    assert bands.max() == 3
    assert (covered.sum(axis=(1, 2)) == frames * 30 + bands * 20 - frames * bands).all()


def test_inference_changes_nothing():
    inputs = np.random.default_rng(0).normal(size=(5, 20, 8)).astype("float32")
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(SpecAugment()(inputs)), inputs)


def test_masks_pass():
    inputs = keras.Input((20, 8))
    masked = SpecAugment()(keras.layers.Masking()(inputs))
    assert masked._keras_mask.shape == (None, 20)


def test_a_seed_repeats_the_draws_and_each_call_draws_anew():
    first, second = SpecAugment(seed=3), SpecAugment(seed=3)
    once = hidden(first, (9, 20, 8))
    np.testing.assert_array_equal(hidden(second, (9, 20, 8)), once)
    assert (hidden(first, (9, 20, 8)) != once).any()


@pytest.mark.parametrize("argument", ["time_masks", "time_width", "band_masks", "band_width"])
@pytest.mark.parametrize("value", [-1, 0.5, True, "2"])
def test_an_argument_out_of_range_is_one_line(argument, value):
    with pytest.raises(ConfigError, match=f"`{argument}` must be an integer of . or above"):
        SpecAugment(**{argument: value})


def test_an_input_that_does_not_fit_is_one_line():
    with pytest.raises(DataError, match=r"takes \(batch, frames, bands\)"):
        SpecAugment().build((None, 20))
    with pytest.raises(ConfigError, match="`band_width` must be below the input's 5 on axis 2"):
        SpecAugment().build((None, 20, 5))
    SpecAugment(band_masks=0).build((None, 20, 5))
