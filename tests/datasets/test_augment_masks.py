"""Masks go where their images go, and light changes neither them nor the range of pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerazoo.datasets import Augment, Batches
from kerazoo.datasets.augment import distort, distort_pair
from kerazoo.errors import DataError

OUTSIDE, SIDES = 200, (20, 27)
SEEDS = st.integers(0, 2**31 - 1)
FEW = settings(max_examples=12)


def whereabouts(count=3):
    """Images of three channels, a pixel's row, its column and 1: bilinear sampling keeps all three,
    so that a distorted one says of each pixel where it comes from."""
    rows, columns = np.indices(SIDES)
    return np.stack([np.stack([rows, columns, np.ones(SIDES)], axis=-1)] * count)


def random_masks(seed, count=3):
    return np.random.default_rng(seed).integers(0, 12, (count, *SIDES), np.uint8)


@FEW
@given(
    seed=SEEDS,
    shift=st.floats(0, 0.5),
    zoom=st.floats(0, 0.9),
    rotate=st.floats(0, 180),
    elastic=st.floats(0, 3),
    flip=st.booleans(),
    flip_vertical=st.booleans(),
)
def test_a_mask_moves_with_its_image(seed, **amounts):
    augment = Augment(**amounts, targets="mask", outside=OUTSIDE)
    masks = random_masks(seed)
    moved, classes = (a.numpy() for a in distort_pair(whereabouts(), masks, augment, [seed, 1]))
    assert classes.dtype == np.uint8
    rows, columns, share_inside = np.moveaxis(moved.astype("float64"), -1, 0)
    assert (classes[share_inside < 0.24] == OUTSIDE).all()  # below 1/2 in one direction at least
    assert (classes[share_inside > 0.51] != OUTSIDE).all()  # above 1/2 in both
    image, *_ = np.indices(classes.shape)
    is_inside = share_inside > 0.9999
    is_sure = is_inside & (abs(rows % 1 - 0.5) > 0.01) & (abs(columns % 1 - 0.5) > 0.01)
    nearest = masks[image, rows.round().astype(int), columns.round().astype(int)]
    np.testing.assert_array_equal(classes[is_sure], nearest[is_sure])
    assert is_sure.any() or not is_inside.any()


@pytest.mark.parametrize("flip", [True, False])
def test_by_whole_pixels_a_mask_is_its_own_image(flip):
    """Nothing is blended; images have 0 outside, so with 0 there the masks must be the images."""
    masks = random_masks(0, count=40)
    augment = Augment(flip=flip, shift=0.3, targets="mask", outside=0)
    moved, classes = distort_pair(masks[..., None], masks, augment, [5, 6])
    np.testing.assert_array_equal(moved[..., 0], classes)


@FEW
@given(seed=SEEDS, contrast=st.floats(0, 0.9), brightness=st.floats(0, 0.9))
def test_light_changes_within_its_amounts_and_range(seed, contrast, brightness):
    """By a factor about the image's mean and a sum, which are found again from what was not cut."""
    images = np.random.default_rng(seed).integers(0, 256, (4, *SIDES, 3)).astype("float64")
    augment = Augment(contrast=contrast, brightness=brightness)
    for before, after in zip(images, distort(images, augment, [seed, 2]).numpy(), strict=True):
        assert after.min() >= 0
        assert after.max() <= 255
        about = before - before.mean(axis=(0, 1))
        inside = (after > 0) & (after < 255)
        factor, level = np.polyfit(about[inside], (after - before.mean(axis=(0, 1)))[inside], 1)
        assert abs(factor - 1) <= contrast + 1e-3
        assert abs(level) <= brightness * 255 + 0.1
        expected = np.clip(before.mean(axis=(0, 1)) + about * factor + level, 0, 255)
        np.testing.assert_allclose(after, expected, atol=0.1)


def test_light_is_drawn_evenly_and_image_by_image():
    images = np.zeros((4000, 2, 1, 1)) + np.array([100.0, 156.0]).reshape(2, 1, 1)
    out = distort(images, Augment(contrast=0.2, brightness=0.1), [3, 4]).numpy()
    factors, levels = (out[:, 1] - out[:, 0]) / 56, out.mean(axis=1) - 128
    assert (factors.min(), factors.max()) == pytest.approx((0.8, 1.2), abs=0.002)
    assert np.std(factors) == pytest.approx(0.4 / np.sqrt(12), rel=0.03)
    assert (levels.min(), levels.max()) == pytest.approx((-25.5, 25.5), abs=0.1)
    assert np.std(levels) == pytest.approx(51 / np.sqrt(12), rel=0.03)
    assert abs(np.corrcoef(factors.ravel(), levels.ravel())[0, 1]) < 0.05


def test_light_leaves_masks_and_other_draws_alone():
    images = np.random.default_rng(1).integers(0, 256, (6, *SIDES, 3), np.uint8)
    masks = random_masks(1, count=6)
    plain = Augment(flip=True, zoom=0.3, targets="mask", outside=OUTSIDE)
    lit = Augment(
        flip=True, zoom=0.3, contrast=0.4, brightness=0.2, targets="mask", outside=OUTSIDE
    )
    moved, classes = distort_pair(images, masks, plain, [7, 8])
    moved_lit, classes_lit = distort_pair(images, masks, lit, [7, 8])
    np.testing.assert_array_equal(classes, classes_lit)
    for dull, light in zip(moved.numpy(), moved_lit.numpy(), strict=True):
        assert np.corrcoef(dull.ravel(), light.ravel())[0, 1] > 0.9


def test_a_part_of_a_batch_has_the_masks_of_the_whole():
    masks, augment = random_masks(2, count=10), Augment(flip=True, zoom=0.4, targets="mask")
    images = whereabouts(10)
    _, whole = distort_pair(images, masks, augment, [1, 2])
    _, part = distort_pair(images[4:7], masks[4:7], augment, [1, 2], place=(4, 10))
    np.testing.assert_array_equal(whole[4:7], part)


def test_batches_move_masks_and_refuse_targets_that_are_none():
    images, masks = whereabouts(4).astype("uint8"), random_masks(3, count=4)
    augment = Augment(shift=0.5, targets="mask", outside=OUTSIDE)
    batches = Batches(images, masks, batch_size=4, augment=augment, shuffle=False)
    moved, classes = next(iter(batches.starting_at()))
    np.testing.assert_array_equal(moved.numpy()[..., 2] == 0, classes.numpy() == OUTSIDE)
    with pytest.raises(DataError, match=r"of each pixel, \(4, 20, 27\). Received: \(4,\)"):
        Batches(images, masks[:, 0, 0], batch_size=4, augment=augment)
