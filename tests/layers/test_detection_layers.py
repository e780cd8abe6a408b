"""Decoded boxes against their formula, suppression against tf.image's and the definition."""

import keras
import numpy as np
import pytest
from keras import ops

from kerazoo.errors import ConfigError, DataError
from kerazoo.layers import DecodeBoxes, NonMaximumSuppression


def test_boxes_and_scores_are_those_of_the_formula():
    rng = np.random.default_rng(0)
    cells = rng.normal(0, 1.5, (2, 12, 7)).astype("float32")
    out = ops.convert_to_numpy(DecodeBoxes([3, 4], stride=10)(cells))
    assert out.shape == (2, 12, 6)
    for image in range(2):
        for number in range(12):
            row, column = divmod(number, 4)
            first, second, left, top, right, bottom, centre = cells[image, number].astype(float)
            x, y = 10 * column + 5, 10 * row + 5
            edges = [x - 10 * np.exp(left), y - 10 * np.exp(top)]
            edges += [x + 10 * np.exp(right), y + 10 * np.exp(bottom)]
            expected = np.clip(edges, 0, [40, 30, 40, 30])
            odds = np.exp([first, second, centre])
            p = odds / (1 + odds)
            np.testing.assert_allclose(out[image, number, :4], expected, rtol=1e-5, atol=1e-4)
            np.testing.assert_allclose(out[image, number, 4:], np.sqrt(p[:2] * p[2]), rtol=1e-5)


def crowd(rng, images=4, boxes=60, classes=3):
    """Boxes in heaps, so that chains of overlaps arise; scores with many ties."""
    middles = rng.uniform(10, 90, (images, 6, 2))[:, rng.integers(0, 6, boxes)]
    middles = middles + rng.normal(0, 6, (images, boxes, 2))
    sizes = rng.uniform(8, 24, (images, boxes, 2))
    scores = rng.integers(0, 40, (images, boxes, classes)) / 40
    corners = [middles - sizes / 2, middles + sizes / 2]
    return np.concatenate([*corners, scores], axis=-1).astype("float32")


def by_definition(rows, most, candidates, overlap, least):
    """Greedy suppression of one image, in plain loops."""
    order = sorted(range(len(rows)), key=lambda number: (-rows[number, 4:].max(), number))
    taken = []
    for number in order[:candidates]:
        box, label, score = rows[number, :4], rows[number, 4:].argmax(), rows[number, 4:].max()
        if score >= least and all(
            label != other[5] or overlap_of(box, other) <= overlap for other in taken
        ):
            taken.append([*box, score, label])
    taken = taken[:most]
    return np.array(taken + [[0, 0, 0, 0, 0, -1]] * (most - len(taken)))


def overlap_of(one, other):
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:4], other[2:4])
    common = np.prod(np.maximum(high - low, 0))
    areas = [np.prod(np.subtract(box[2:4], box[:2])) for box in (one, other)]
    return common / (sum(areas) - common)


@pytest.mark.parametrize(
    "arguments",
    [(20, 60, 0.5, 0.05), (8, 30, 0.5, 0.5), (60, 60, 0.2, 0.0), (30, 40, 0.75, 0.9)],
)
def test_suppression_is_greedy_from_the_highest_score_down(arguments):
    rows = crowd(np.random.default_rng(1))
    out = ops.convert_to_numpy(NonMaximumSuppression(*arguments)(rows))
    for image, expected in zip(out, (by_definition(one, *arguments) for one in rows), strict=True):
        np.testing.assert_allclose(image, expected, atol=1e-5)


@pytest.mark.parametrize("overlap", [0.3, 0.5, 0.7])
def test_suppression_of_one_class_is_tensorflows(overlap):
    tf = pytest.importorskip("tensorflow")
    rng = np.random.default_rng(2)
    rows = crowd(rng, classes=1)
    rows[..., 4] = rng.uniform(0.05, 1, rows.shape[:2])  # no ties, of which it does not tell
    out = ops.convert_to_numpy(NonMaximumSuppression(60, 60, overlap, 0.2)(rows))
    for image, one in zip(out, rows, strict=True):
        boxes = one[:, [1, 0, 3, 2]]
        chosen = tf.image.non_max_suppression(boxes, one[:, 4], 60, overlap, 0.2).numpy()
        count = int((image[:, 5] >= 0).sum())
        assert count == len(chosen) < 60
        np.testing.assert_array_equal(image[:count, :5], one[chosen])


def test_nothing_found_is_zeros_with_a_label_of_less_than_0():
    rows = np.zeros((2, 10, 6), "float32")
    out = ops.convert_to_numpy(NonMaximumSuppression(4, 6)(rows))
    np.testing.assert_array_equal(out, np.broadcast_to([0, 0, 0, 0, 0, -1.0], (2, 4, 6)))


def test_both_are_in_float32_in_models_of_less():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layers = DecodeBoxes([2, 2]), NonMaximumSuppression(2, 4)
    finally:
        keras.config.set_dtype_policy(policy)
    cells = np.random.default_rng(3).normal(size=(1, 4, 6)).astype("float32")
    out = layers[1](layers[0](cells))
    assert keras.backend.standardize_dtype(out.dtype) == "float32"


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: DecodeBoxes([2, 2]), (5, 8)),
        (lambda: DecodeBoxes([2, 2]), (4, 5)),
        (lambda: DecodeBoxes([2, 2]), (4, None)),
        (lambda: DecodeBoxes([2, 2]), ()),
        (lambda: NonMaximumSuppression(4, 8), (7, 6)),
        (lambda: NonMaximumSuppression(4, 8), (8, 4)),
        (lambda: NonMaximumSuppression(4, 8), (8, None)),
        (lambda: NonMaximumSuppression(4, 8), ()),
    ],
)
def test_shapes_that_do_not_fit_are_one_line(make, shape):
    with pytest.raises(DataError, match="Received: input_shape"):
        make()(keras.Input(shape))


@pytest.mark.parametrize(
    "make",
    [
        lambda: DecodeBoxes([3]),
        lambda: DecodeBoxes(3),
        lambda: DecodeBoxes([3, 3], stride=0),
        lambda: NonMaximumSuppression(10, 9),
        lambda: NonMaximumSuppression(overlap=1.5),
        lambda: NonMaximumSuppression(least_score=-0.1),
    ],
)
def test_arguments_out_of_range_are_refused(make):
    with pytest.raises(ConfigError, match="must"):
        make()
