"""Boxes go along with their images: what is painted inside of one stays inside of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kerazoo
from kerazoo.datasets import Augment
from kerazoo.datasets.augment import distort, distort_pair
from kerazoo.errors import DataError

HEIGHT, WIDTH = 24, 36


def painted(box):
    """A black image, white inside of the box (whole pixels)."""
    left, top, right, bottom = box
    image = np.zeros((HEIGHT, WIDTH, 1), "float32")
    image[top:bottom, left:right] = 255
    return image


def seen(image):
    """Edges of what is white by half or more."""
    rows, columns = (np.flatnonzero((image[..., 0] >= 127).any(axis=axis)) for axis in (1, 0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


boxes = st.tuples(
    st.integers(2, 24), st.integers(2, 14), st.integers(5, 10), st.integers(5, 8)
).map(lambda drawn: (drawn[0], drawn[1], drawn[0] + drawn[2], drawn[1] + drawn[3]))


@settings(max_examples=25)
@given(
    box=boxes,
    seed=st.integers(0, 2**20),
    flips=st.tuples(st.booleans(), st.booleans()),
    amounts=st.sampled_from([(0.0, 0.0), (0.2, 0.0), (0.0, 0.3), (0.25, 0.3)]),
)
def test_a_box_stays_around_its_pixels(box, seed, flips, amounts):
    augment = Augment(
        flip=flips[0], flip_vertical=flips[1], shift=amounts[0], zoom=amounts[1], targets="boxes"
    )
    images = np.repeat(painted(box)[None], 4, axis=0)
    targets = np.repeat(np.array([[[2, *box], [-1, 0, 0, 0, 0]]], "float32"), 4, axis=0)
    out, moved = (a.numpy() for a in distort_pair(images, targets, augment, [seed, 1]))
    np.testing.assert_array_equal(out, distort(images, augment, [seed, 1]).numpy())
    assert np.all(moved[:, 1, 0] == -1)
    sharp = amounts[1] == 0  # whole pixels
    for image, (label, *edges) in zip(out, moved[:, 0].tolist(), strict=True):
        if label >= 0 and (image >= 127).any():
            np.testing.assert_allclose(seen(image), edges, atol=0.01 if sharp else 0.76)


@pytest.mark.parametrize(("box", "label"), [((0, 5, 10, 15), -1), ((3, 5, 13, 15), 1)])
def test_a_box_of_which_little_is_left_is_none(box, label, monkeypatch):
    """Everything moves 9 pixels to the left: 0.1 and 0.4 of the boxes stay."""
    import tensorflow as tf

    monkeypatch.setattr(
        tf.random,
        "stateless_uniform",
        lambda shape, *_: tf.concat([tf.zeros([4, 1, 1, 1]), tf.ones([1, 1, 1, 1])], 0),
    )
    augment = Augment(shift=9 / WIDTH, targets="boxes")
    targets = np.array([[[1, *box]]], "float32")
    _, moved = distort_pair(painted(box)[None], targets, augment, [0, 0])
    assert float(moved[0, 0, 0]) == label
    np.testing.assert_allclose(moved[0, 0, 1:], [0, box[1], box[2] - 9, box[3]], atol=1e-4)


def test_every_second_image_is_upside_down():
    image = np.random.default_rng(0).integers(0, 256, (1, 6, 5, 1)).astype("float32")
    same = np.repeat(image, 2000, axis=0)
    out = distort(same, Augment(flip_vertical=True), [3, 4]).numpy()
    turned = np.array([np.array_equal(one, image[0, ::-1]) for one in out])
    assert all(np.array_equal(one, image[0]) for one in out[~turned])
    assert turned.mean() == pytest.approx(0.5, abs=0.04)
    both = distort(same, Augment(flip_vertical=True, flip=True), [3, 4]).numpy()
    kinds = {one.tobytes() for one in both}
    assert len(kinds) == 4  # the two are drawn apart


@pytest.mark.parametrize(
    ("augment", "targets", "words"),
    [
        (Augment(shift=0.1, targets="boxes"), (4, 3), r"is for \(samples, boxes, 5\)"),
        (Augment(shift=0.1, targets="boxes"), (4, 3, 4), r"is for \(samples, boxes, 5\)"),
        (Augment(rotate=10, targets="boxes"), (4, 3, 5), "takes no `rotate`"),
        (Augment(elastic=1, targets="boxes"), (4, 3, 5), "takes no `rotate` and no `elastic`"),
    ],
)
def test_boxes_that_would_not_fit_are_refused(augment, targets, words):
    inputs = np.zeros((4, HEIGHT, WIDTH, 1), np.uint8)
    with pytest.raises(DataError, match=words):
        kerazoo.datasets.Batches(
            inputs, np.zeros(targets, "float32"), batch_size=2, augment=augment
        )
