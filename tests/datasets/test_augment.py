"""Distortions against NumPy and SciPy, which know nothing of the code here."""

import msgspec
import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

import kerazoo
from kerazoo.datasets import Augment
from kerazoo.datasets.augment import _sample_bilinear, _source_grid, distort
from kerazoo.errors import DataError

SEED = [3, 4]


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (4, 9, 9, 2)).astype("float32")


def sampled(images, rows, columns):
    shape = (len(images), *rows.shape)
    rows, columns = (np.broadcast_to(a, shape).astype("float32") for a in (rows, columns))
    return _sample_bilinear(tf.constant(images), tf.constant(rows), tf.constant(columns)).numpy()


def by_scipy(images, rows, columns):
    """Bilinear with zeros outside, image by image and channel by channel."""
    out = np.empty((len(images), *rows.shape, images.shape[-1]))
    for i, image in enumerate(images):
        for channel in range(images.shape[-1]):
            out[i, ..., channel] = scipy.ndimage.map_coordinates(
                image[..., channel], [rows, columns], order=1, mode="grid-constant", cval=0.0
            )
    return out


def test_amounts_of_zero_are_the_identity(images):
    np.testing.assert_array_equal(distort(images, Augment(), SEED), images)
    as_bytes = images.astype(np.uint8)
    np.testing.assert_array_equal(distort(as_bytes, Augment(), SEED), images)


@pytest.mark.parametrize(
    ("down", "right"), [(0, 0), (2, 0), (-3, 0), (0, 1), (2, -2), (9, 9), (-20, 3)]
)
def test_a_shift_by_whole_pixels(images, down, right):
    rows, columns = np.indices((9, 9))
    expected = np.zeros_like(images)
    for row in range(9):
        for column in range(9):
            if 0 <= row - down < 9 and 0 <= column - right < 9:
                expected[:, row, column] = images[:, row - down, column - right]
    ours = sampled(images, rows - down, columns - right)
    np.testing.assert_allclose(ours, expected, atol=1e-3)


def test_sampling_anywhere_is_scipys(images):
    rng = np.random.default_rng(1)
    rows, columns = rng.uniform(-4, 13, (2, 30, 30))
    np.testing.assert_allclose(
        sampled(images, rows, columns), by_scipy(images, rows, columns), atol=0.02
    )


def turned_by(degrees, monkeypatch, images, **amounts):
    """`distort` where every draw is at its upper end."""
    with monkeypatch.context() as patch:
        patch.setattr(
            tf.random, "stateless_uniform", lambda shape, *_: tf.ones([shape[0], len(images), 1, 1])
        )
        return distort(images, Augment(rotate=degrees, **amounts), SEED).numpy()


@pytest.mark.parametrize("degrees", [90, 180])
def test_a_quarter_turn_is_numpys(images, monkeypatch, degrees):
    ours = turned_by(degrees, monkeypatch, images)
    np.testing.assert_allclose(ours, np.rot90(images, degrees // 90, axes=(1, 2)), atol=0.02)


@pytest.mark.parametrize("degrees", [10, 45])
def test_a_turn_is_scipys(images, monkeypatch, degrees):
    expected = scipy.ndimage.rotate(
        images, degrees, axes=(1, 2), reshape=False, order=1, mode="grid-constant"
    )
    np.testing.assert_allclose(turned_by(degrees, monkeypatch, images), expected, atol=0.02)


def test_draws_are_even_and_within_their_amounts():
    augment = Augment(shift=0.25, rotate=30, zoom=0.2)
    rows, columns = (a.numpy() for a in _source_grid(augment, 4000, 11, 11, SEED))
    # The centre pixel moves by the shift alone.
    for centre in (rows[:, 5, 5] - 5, columns[:, 5, 5] - 5):
        assert np.abs(centre).max() <= 0.25 * 11
        assert np.std(centre) == pytest.approx(2 * 0.25 * 11 / np.sqrt(12), rel=0.03)
        assert np.mean(centre) == pytest.approx(0, abs=0.1)
    # One step down moves by scale * (cosine, sine) of the angle; one step right gives the other.
    down, across = rows[:, 6, 5] - rows[:, 5, 5], rows[:, 5, 6] - rows[:, 5, 5]
    angles, scales = np.degrees(np.arctan2(across, down)), np.hypot(across, down)
    assert np.abs(angles).max() <= 30 + 1e-3
    assert np.std(angles) == pytest.approx(2 * 30 / np.sqrt(12), rel=0.03)
    assert (scales.min(), scales.max()) == pytest.approx((0.8, 1.2), abs=0.002)
    assert np.std(scales) == pytest.approx(2 * 0.2 / np.sqrt(12), rel=0.03)


def test_elastic_displacements_have_their_deviation():
    from kerazoo.datasets.augment import _elastic_field

    field = _elastic_field(1.5, 2000, 5, 5, SEED).numpy()  # 5 x 5: the control points themselves
    assert field.std() == pytest.approx(1.5, rel=0.03)
    assert field.mean() == pytest.approx(0, abs=0.03)
    smooth = _elastic_field(1.5, 200, 28, 28, SEED).numpy()
    steps = np.abs(np.diff(smooth, axis=1))
    assert steps.max() < 1.5 * 2.5  # neighbours move nearly alike


def test_images_of_a_batch_are_distorted_apart(images):
    same = np.repeat(images[:1], 6, axis=0)
    out = distort(same, Augment(shift=0.3, rotate=40, zoom=0.2, elastic=1), SEED).numpy()
    assert len({image.tobytes() for image in out}) == 6
    again = distort(same, Augment(shift=0.3, rotate=40, zoom=0.2, elastic=1), SEED).numpy()
    np.testing.assert_array_equal(out, again)


@pytest.mark.parametrize("height_and_width", [(7, 13), (13, 7)])
def test_images_need_not_be_square(height_and_width):
    images = np.random.default_rng(2).uniform(0, 255, (3, *height_and_width, 1)).astype("float32")
    out = distort(images, Augment(shift=0.1, elastic=1), SEED)
    assert out.shape == images.shape
    assert float(tf.reduce_max(out)) <= 255


def test_amounts_out_of_range_are_refused():
    for wrong in ({"shift": 0.6}, {"rotate": -1}, {"zoom": 1.0}, {"elastic": 11}, {"share": 0.1}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, Augment)


def test_amounts_out_of_range_and_samples_that_are_no_images_are_refused():
    with pytest.raises(DataError, match="shift"):
        kerazoo.datasets.load("digits", "test", augment=Augment(shift=-5))
    with pytest.raises(DataError, match=r"is for images.*Received: \(342, 10\)"):
        kerazoo.datasets.load("diabetes", augment=True)
    with pytest.raises(DataError, match="must be True, False or an Augment"):
        kerazoo.datasets.load("digits", "test", augment="strong")


def test_every_second_image_is_mirrored(images):
    same = np.repeat(images[:1], 2000, axis=0)
    out = distort(same, Augment(flip=True), SEED).numpy()
    mirrored = np.array([np.array_equal(image, images[0, :, ::-1]) for image in out])
    assert all(np.array_equal(image, images[0]) for image in out[~mirrored])
    assert mirrored.mean() == pytest.approx(0.5, abs=0.04)


def test_mirroring_leaves_the_other_draws_alone(images):
    plain = distort(images, Augment(shift=0.2), SEED).numpy()
    both = distort(images, Augment(shift=0.2, flip=True), SEED).numpy()
    of_mirror_images = distort(images[:, :, ::-1], Augment(shift=0.2), SEED).numpy()
    for one, unflipped, flipped in zip(both, plain, of_mirror_images, strict=True):
        assert np.array_equal(one, unflipped) or np.array_equal(one, flipped)


def test_images_that_are_only_shifted_keep_their_pixels(images):
    out = distort(np.repeat(images[:1], 50, axis=0), Augment(shift=0.25), SEED).numpy()
    inked = {value for value in out.ravel().tolist() if value}
    assert inked <= set(images[0].ravel().tolist())
    assert len({image.tobytes() for image in out}) > 10
