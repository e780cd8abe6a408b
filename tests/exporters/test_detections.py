"""Two lists of boxes side by side: order and doubtful ones do not count, misplaced ones do."""

import numpy as np
import pytest

from kerazoo.exporters.detections import weighted_pairs
from kerazoo.exporters.tolerances import TOLERANCES
from kerazoo.exporters.verification import compare


def some_detections(seed=0, images=5, boxes=12):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 200, (images, boxes, 2))
    score = -np.sort(-rng.uniform(0.05, 1, (images, boxes, 1)), axis=1)
    label = rng.integers(0, 3, (images, boxes, 1))
    rows = np.concatenate(
        [corner, corner + rng.uniform(20, 60, (images, boxes, 2)), score, label], 2
    )
    rows[0, 7:] = [0, 0, 0, 0, 0, -1]
    return rows


def verdict(expected, found, mode="float16"):
    one, other = weighted_pairs(expected, found)
    return compare({"boxes": one}, {"boxes": other}, TOLERANCES[mode])


def test_equal_lists_are_equal():
    rows = some_detections()
    one, other = weighted_pairs(rows, rows)
    np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(one[1, :, :4], rows[1, :, :4] * rows[1, :, 4:5])


def test_boxes_that_change_places_are_no_error():
    rows = some_detections()
    swapped = rows.copy()
    swapped[1:, [2, 3]] = rows[1:, [3, 2]]
    assert verdict(rows, swapped).max_abs_error == 0


def test_a_box_of_the_least_score_may_be_missing():
    rows = some_detections()
    rows[:, -1, 4] = 0.05
    shorter = rows.copy()
    shorter[2, -1] = [0, 0, 0, 0, 0, -1]
    assert verdict(rows, shorter, "int8").problem is None
    assert verdict(shorter, rows, "int8").problem is None


@pytest.mark.parametrize("spoil", ["moved", "label", "missing", "invented"])
def test_what_is_wrong_is_seen(spoil):
    rows = some_detections()
    wrong = rows.copy()
    if spoil == "moved":
        wrong[:, :, :4] += 6
    elif spoil == "label":
        wrong[:, 0, 5] = (rows[:, 0, 5] + 1) % 3
    elif spoil == "missing":
        wrong[:, 0] = [0, 0, 0, 0, 0, -1]
    else:
        rows[:, 0] = [0, 0, 0, 0, 0, -1]
    assert verdict(rows, wrong).problem is not None


def test_nothing_found_on_both_sides_is_equal():
    nothing = np.broadcast_to([0, 0, 0, 0, 0, -1.0], (3, 4, 6))
    one, other = weighted_pairs(nothing, nothing)
    assert one.shape == other.shape == (3, 1, 6)
    assert np.array_equal(one, other)
    assert verdict(nothing, nothing).problem is None
    assert verdict(nothing, some_detections(images=3)[:, :4]).problem is not None
