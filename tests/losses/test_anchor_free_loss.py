"""The loss of a detector without anchors, against the papers' formulas in plain loops."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from kerazoo.errors import ConfigError, DataError
from kerazoo.losses import AnchorFreeLoss

GRID, STRIDE = (6, 8), 8
"""An image of 48 x 64 pixels."""


def some_boxes(rng, images=3, boxes=5, classes=3):
    """Labels, one in four -1 (no box), and edges within the image, some boxes inside of others."""
    corner = rng.uniform(0, [48, 32], (images, boxes, 2))
    size = rng.uniform(4, 40, (images, boxes, 2))
    label = np.where(
        rng.random((images, boxes, 1)) < 0.25, -1, rng.integers(0, classes, (1, boxes, 1))
    )
    far = np.minimum(corner + size, [64, 48])
    return np.concatenate([label, corner, far], axis=-1).astype("float32")


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


def cross_entropy(wanted, logit):
    return -math.log(sigmoid(logit)) if wanted else -math.log(1 - sigmoid(logit))


def object_of(x, y, boxes, radius):
    """The smallest box that has the point near its middle; None: there is none."""
    near = []
    for label, left, top, right, bottom in boxes.tolist():
        inside = left < x < right and top < y < bottom
        in_reach = max(abs(x - (left + right) / 2), abs(y - (top + bottom) / 2)) < radius * STRIDE
        if label >= 0 and inside and in_reach:
            near.append(((right - left) * (bottom - top), (int(label), left, top, right, bottom)))
    return min(near)[1] if near else None


def generalized_overlap(one, other):
    """arXiv:1902.09630, algorithm 1, of boxes (left, top, right, bottom)."""
    area = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    width = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    union = sum(area) - width * height
    around = (max(one[2], other[2]) - min(one[0], other[0])) * (
        max(one[3], other[3]) - min(one[1], other[1])
    )
    return width * height / union - (around - union) / around


def by_definition(boxes, cells, radius=1.5, alpha=0.25, gamma=2.0, weight=1.0):
    """Of one image."""
    focal = entropy = overlap = share = 0.0
    count = 0
    for number, cell in enumerate(cells.tolist()):
        row, column = divmod(number, GRID[1])
        x, y = (column + 0.5) * STRIDE, (row + 0.5) * STRIDE
        *logits, d_left, d_top, d_right, d_bottom, centre = cell
        found = object_of(x, y, boxes, radius)
        for label, logit in enumerate(logits):
            p = sigmoid(logit)
            if found is not None and found[0] == label:
                focal -= alpha * (1 - p) ** gamma * math.log(p)
            else:
                focal -= (1 - alpha) * p**gamma * math.log(1 - p)
        if found is None:
            continue
        count += 1
        _, left, top, right, bottom = found
        across = min(x - left, right - x) / max(x - left, right - x)
        along = min(y - top, bottom - y) / max(y - top, bottom - y)
        centerness = math.sqrt(across * along)
        said = (
            x - STRIDE * math.exp(d_left),
            y - STRIDE * math.exp(d_top),
            x + STRIDE * math.exp(d_right),
            y + STRIDE * math.exp(d_bottom),
        )
        share += centerness
        overlap += centerness * (1 - generalized_overlap(found[1:], said))
        entropy += centerness * cross_entropy(1, centre) + (1 - centerness) * cross_entropy(
            0, centre
        )
    total = focal / max(count, 1) + entropy / max(count, 1)
    return total + (weight * overlap / share if share else 0.0), count


@pytest.mark.parametrize(
    ("arguments", "seed"),
    [
        ({}, 0),
        ({"radius": 0.7}, 1),
        ({"radius": 9.0, "alpha": 0.6, "gamma": 1.0, "weight": 2.5}, 2),
        ({"gamma": 0.0}, 3),
    ],
)
def test_is_that_of_the_papers(arguments, seed):
    rng = np.random.default_rng(seed)
    boxes = some_boxes(rng)
    cells = rng.normal(0, 1, (3, 48, 8)).astype("float32")
    expected, counts = zip(
        *(by_definition(*pair, **arguments) for pair in zip(boxes, cells, strict=True)), strict=True
    )
    assert min(counts) > 0
    named = {("overlap_weight" if k == "weight" else k): v for k, v in arguments.items()}
    loss = AnchorFreeLoss(GRID, STRIDE, reduction=None, **named)
    np.testing.assert_allclose(ops.convert_to_numpy(loss(boxes, cells)), expected, rtol=2e-5)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX has float64 by its own switch")
def test_in_double_precision():
    rng = np.random.default_rng(3)
    boxes, cells = some_boxes(rng), rng.normal(size=(3, 48, 8))
    loss = AnchorFreeLoss(GRID, STRIDE)
    expected = float(loss(boxes, cells.astype("float32")))
    floatx = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        measured = float(AnchorFreeLoss(GRID, STRIDE)(boxes.astype("float64"), cells))
    finally:
        keras.config.set_floatx(floatx)
    assert measured == pytest.approx(expected, rel=1e-6)


def test_an_image_without_boxes_has_focal_loss_alone():
    rng = np.random.default_rng(4)
    boxes = np.full((1, 4, 5), [-1, 0, 0, 0, 0], "float32")
    cells = rng.normal(0, 1, (1, 48, 8)).astype("float32")
    expected, count = by_definition(boxes[0], cells[0])
    assert count == 0
    assert float(AnchorFreeLoss(GRID)(boxes, cells)) == pytest.approx(expected, rel=1e-5)


def test_a_batch_without_any_box_has_the_loss_of_empty_images():
    cells = np.random.default_rng(4).normal(size=(2, 48, 8)).astype("float32")
    loss = AnchorFreeLoss(GRID, STRIDE)
    none, padding = np.zeros((2, 0, 5), "float32"), np.full((2, 3, 5), -1.0, "float32")
    assert float(loss(none, cells)) == pytest.approx(float(loss(padding, cells)))


def test_an_images_loss_does_not_depend_on_the_images_beside_it():
    rng = np.random.default_rng(5)
    boxes, cells = some_boxes(rng), rng.normal(0, 1, (3, 48, 8)).astype("float32")
    loss = AnchorFreeLoss(GRID, reduction=None)
    together = ops.convert_to_numpy(loss(boxes, cells))
    apart = [float(loss(boxes[row : row + 1], cells[row : row + 1])[0]) for row in range(3)]
    np.testing.assert_allclose(together, apart, rtol=1e-5)
    mean = float(AnchorFreeLoss(GRID)(boxes, cells))
    assert mean == pytest.approx(together.mean(), rel=1e-5)


def test_of_large_numbers_it_is_finite():
    boxes = some_boxes(np.random.default_rng(6))
    for value in (-60.0, 60.0):
        assert math.isfinite(float(AnchorFreeLoss(GRID)(boxes, np.full((3, 48, 8), value))))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="gradients of one backend do")
def test_gradients_are_those_of_small_differences():
    import tensorflow as tf

    rng = np.random.default_rng(7)
    boxes = some_boxes(rng, images=1)
    cells = rng.normal(0, 0.5, (1, 48, 8)).astype("float32")
    loss = AnchorFreeLoss(GRID)
    variable = tf.Variable(cells)
    with tf.GradientTape() as tape:
        value = loss(boxes, variable)
    gradient = tape.gradient(value, variable).numpy()
    direction = rng.normal(0, 1, cells.shape)
    step = 1e-4
    difference = (
        by_definition(boxes[0], cells[0] + step * direction[0])[0]
        - by_definition(boxes[0], cells[0] - step * direction[0])[0]
    ) / (2 * step)
    assert (gradient * direction).sum() == pytest.approx(difference, rel=1e-3)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="gradients of one backend do")
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_gradients_of_sure_answers_are_finite(gamma):
    import tensorflow as tf

    boxes = some_boxes(np.random.default_rng(6))
    for value in (-200.0, -30.0, 30.0, 200.0):
        cells = tf.Variable(np.full((3, 48, 8), value, "float32"))
        with tf.GradientTape() as tape:
            loss = AnchorFreeLoss(GRID, gamma=gamma)(boxes, cells)
        assert np.isfinite(tape.gradient(loss, cells)).all()


def test_config_has_every_argument():
    loss = AnchorFreeLoss(
        GRID, 8, 1.2, 0.3, 1.5, 2.0, name="detection", reduction="sum", dtype="bfloat16"
    )
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert again.get_config() == loss.get_config()
    assert again.dtype == loss.dtype == "bfloat16"
    rng = np.random.default_rng(8)
    boxes, cells = some_boxes(rng), rng.normal(0, 1, (3, 48, 8)).astype("float32")
    assert float(again(boxes, cells)) == float(loss(boxes, cells))


@pytest.mark.parametrize(
    ("wrong", "argument"),
    [
        ({"grid": [6]}, "grid"),
        ({"grid": 3}, "grid"),
        ({"grid": [6, 0]}, "grid"),
        ({"stride": 0}, "stride"),
        ({"radius": 0.0}, "radius"),
        ({"alpha": 1.5}, "alpha"),
        ({"gamma": -1}, "gamma"),
        ({"overlap_weight": 0}, "overlap_weight"),
    ],
)
def test_arguments_out_of_range_are_refused(wrong, argument):
    with pytest.raises(ConfigError, match=f"`{argument}`"):
        AnchorFreeLoss(**{"grid": GRID, **wrong})


@pytest.mark.parametrize(
    ("boxes", "cells"),
    [
        ((2, 4, 4), (2, 48, 8)),
        ((2, 4, 5), (2, 48, 5)),
        ((2, 5), (2, 48, 8)),
        ((2, 4, 5), (2, 40, 8)),
    ],
)
def test_shapes_that_do_not_fit_are_one_line(boxes, cells):
    with pytest.raises(DataError, match="Received"):
        AnchorFreeLoss(GRID)(np.zeros(boxes), np.zeros(cells))
