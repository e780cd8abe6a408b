"""COCO's mean average precision against a slow reading of its definition, one pair at a time."""

import keras
import numpy as np
import pytest
from keras import ops

from kerazoo.errors import ConfigError, DataError, UnknownNameError
from kerazoo.metrics import BoxMeanAveragePrecision

CASES = 60
AREAS = {"": (0, 1e10), "_small": (0, 32**2), "_medium": (32**2, 96**2), "_large": (96**2, 1e10)}
THRESHOLDS = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]


def overlap(found, true, crowd):
    width = min(found[0] + found[2], true[0] + true[2]) - max(found[0], true[0])
    height = min(found[1] + found[3], true[1] + true[3]) - max(found[1], true[1])
    if width <= 0 or height <= 0:
        return 0.0
    own = found[2] * found[3]
    both = width * height
    return both / (own if crowd else own + true[2] * true[3] - both)


def judge(objects, detections, threshold, area):
    """[score, verdict] of each detection of one class and image: True, False or None (ignored)."""
    low, high = area
    ignored = [crowd or not low <= size <= high for _, size, crowd in objects]
    free, verdicts = [True] * len(objects), []
    for box, score in detections:
        best, at = None, threshold
        for group in (False, True):  # what counts first
            for i, (true, _, crowd) in enumerate(objects):
                if ignored[i] is group and free[i] and overlap(box, true, crowd) >= at:
                    best, at = i, overlap(box, true, crowd)
            if best is not None:
                break
        if best is None:
            verdicts.append((score, False if low <= box[2] * box[3] <= high else None))
        else:
            free[best] = objects[best][2]
            verdicts.append((score, None if ignored[best] else True))
    return verdicts, ignored.count(False)


def of_class(images, label, threshold, area, most):
    """(average precision, recall), or None without objects."""
    verdicts, total = [], 0
    for truth, found in images:
        objects = [(box, size, crowd) for box, lab, size, crowd in truth if lab == label]
        detections = [(box, score) for box, lab, score in found if lab == label]
        ranked = sorted(detections, key=lambda d: -d[1])[:100]
        judged, count = judge(objects, ranked, threshold, area)
        verdicts, total = verdicts + judged[:most], total + count
    if not total:
        return None
    points, right, wrong = [], 0, 0
    for _, verdict in sorted(verdicts, key=lambda v: -v[0]):
        right, wrong = right + (verdict is True), wrong + (verdict is False)
        points.append((right / total, right / max(right + wrong, 1)))
    highest = [
        max((p for r, p in points if r >= level / 100 - 1e-12), default=0) for level in range(101)
    ]
    return np.mean(highest), right / total


def by_definition(images):
    labels = sorted({lab for truth, _ in images for _, lab, _, _ in truth})

    def mean(which, area="", most=100, thresholds=THRESHOLDS):
        values = [
            of_class(images, label, threshold, AREAS[area], most)
            for label in labels
            for threshold in thresholds
        ]
        values = [value[which] for value in values if value is not None]
        return np.mean(values) if values else -1.0

    numbers = {f"map{area}": mean(0, area) for area in AREAS}
    numbers |= {f"mar_{most}": mean(1, most=most) for most in (1, 10, 100)}
    numbers |= {f"mar{area}": mean(1, area) for area in list(AREAS)[1:]}
    return numbers | {"map_50": mean(0, thresholds=[0.5]), "map_75": mean(0, thresholds=[0.75])}


def draw_images(rng, classes, most=6):
    """Per image, (box, label, area, crowd) and (box, label, score); boxes left, top, size."""

    def draw_box():
        return [*rng.integers(0, 60, 2), *rng.integers(1, rng.choice([20, 60, 200]), 2)]

    images = []
    for _ in range(rng.integers(1, 5)):
        truth = []
        for _ in range(rng.integers(0, 4)):
            box = draw_box()
            size = box[2] * box[3] * rng.choice([1.0, 0.5])
            truth.append((box, rng.integers(classes), size, rng.random() < 0.15))
        found = []
        for _ in range(rng.integers(0, most)):
            near = truth and rng.random() < 0.7
            box, label = truth[rng.integers(len(truth))][:2] if near else (draw_box(), 0)
            box = [max(int(side + rng.integers(-3, 4)), 1) for side in box]
            found.append((box, label, rng.integers(0, 6) / 8))  # many ties
        images.append((truth, found))
    return images


def draw_many(draws):
    rng = np.random.default_rng(4)
    return [image for _ in range(draws) for image in draw_images(rng, classes=4)]


def padded(images):
    """`y_true` and `y_pred` as Keras has them, in numbers that float32 holds exactly."""
    boxes, labels = np.zeros((2, len(images), 8, 4), "float32"), -np.ones((2, len(images), 8), int)
    scores, sizes, crowd = (np.zeros((len(images), 8), "float32") for _ in range(3))
    for image, (truth, found) in enumerate(images):
        for i, (box, label, size, group) in enumerate(truth):
            boxes[0, image, i], labels[0, image, i] = box, label
            sizes[image, i], crowd[image, i] = size, group
        for i, (box, label, score) in enumerate(found):
            boxes[1, image, i], labels[1, image, i], scores[image, i] = box, label, score
    truth = {"boxes": boxes[0], "labels": labels[0], "areas": sizes, "crowd": crowd}
    return truth, {"boxes": boxes[1], "labels": labels[1], "scores": scores}


def part(batch, which):
    return {name: values[which] for name, values in batch.items()}


def details(metric):
    numbers = metric.details()
    return {name: value for name, value in numbers.items() if "per_class" not in name}


def test_is_its_definition():
    """Ties in score, images and classes without boxes, crowds, areas of masks, split batches."""
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        images = draw_images(rng, classes=[1, 3][seed % 2])
        y_true, y_pred = padded(images)
        metric = BoxMeanAveragePrecision("xywh")
        cut = rng.integers(0, len(images) + 1)
        for which in (slice(cut), slice(cut, None)):
            metric.update_state(part(y_true, which), part(y_pred, which))
        expected = by_definition(images)
        assert details(metric) == pytest.approx(expected, abs=1e-6), seed
        assert float(metric.result()) == pytest.approx(expected["map"], abs=1e-6)


def test_only_so_many_detections_of_an_image_and_class():
    """The right one has the lowest of three scores."""
    y_true = {"boxes": [[[0, 0, 10, 10]]], "labels": [[0]]}
    y_pred = {
        "boxes": [[[0, 0, 10, 10], [50, 0, 60, 10], [70, 0, 80, 10]]],
        "labels": [[0, 0, 0]],
        "scores": [[0.1, 0.2, 0.3]],
    }
    metric = BoxMeanAveragePrecision(max_detections=(1, 2, 3))
    metric.update_state(y_true, y_pred)
    numbers = metric.details()
    assert (numbers["mar_1"], numbers["mar_2"], numbers["mar_3"]) == (0, 0, 1)
    assert numbers["map"] == pytest.approx(1 / 3)
    cut = BoxMeanAveragePrecision(max_detections=[2])
    cut.update_state(y_true, y_pred)
    assert float(cut.result()) == 0


def test_classes_by_name_and_a_subset_of_them():
    rng = np.random.default_rng(3)
    images = [image for _ in range(5) for image in draw_images(rng, classes=3)]
    y_true, y_pred = padded(images)
    whole, some = BoxMeanAveragePrecision("xywh"), BoxMeanAveragePrecision("xywh", class_ids=[0, 2])
    whole.update_state(y_true, y_pred)
    some.update_state(y_true, y_pred)
    per_class = whole.details()["map_per_class"]
    assert sorted(per_class) == [0, 1, 2]
    assert float(whole.result()) == pytest.approx(np.mean(list(per_class.values())), abs=1e-6)
    assert some.details()["map_per_class"] == {label: per_class[label] for label in (0, 2)}
    own = [
        ([t for t in truth if t[1] != 1], [f for f in found if f[1] != 1])
        for truth, found in images
    ]
    assert details(some) == pytest.approx(by_definition(own), abs=1e-6)


def test_thresholds_of_ones_own():
    y_true = {"boxes": [[[0, 0, 10, 10]]], "labels": [[4]]}
    y_pred = {"boxes": [[[0, 0, 10, 5]]], "labels": [[4]], "scores": [[0.5]]}
    metric = BoxMeanAveragePrecision(iou_thresholds=(0.4, 0.5, 1.0))
    metric.update_state(y_true, y_pred)
    numbers = metric.details()
    assert numbers["map"] == pytest.approx(2 / 3)
    assert numbers["map_50"] == 1.0  # exactly one half is enough
    assert "map_75" not in numbers


@pytest.mark.parametrize("box_format", ["yxyx", "xywh", "center_xywh"])
def test_formats_are_those_of_keras(box_format):
    rng = np.random.default_rng(0)
    y_true, y_pred = padded([image for _ in range(5) for image in draw_images(rng, classes=2)])
    results = []
    for target in ("xyxy", box_format):
        batches = [
            {**batch, "boxes": ops.convert_to_numpy(convert(batch["boxes"], target))}
            for batch in (y_true, y_pred)
        ]
        metric = BoxMeanAveragePrecision(target)
        metric.update_state(*batches)
        results.append(details(metric))
    assert results[0] == pytest.approx(results[1], abs=1e-6)
    assert 0 < results[0]["map"] < 1


def convert(boxes, target):
    boxes = ops.convert_to_tensor(boxes)
    return keras.utils.bounding_boxes.convert_format(boxes, source="xywh", target=target)


def test_tensors_no_boxes_at_all_and_a_fresh_start():
    metric = BoxMeanAveragePrecision()
    assert float(metric.result()) == -1
    y_true, y_pred = padded([([([0, 0, 9, 9], 1, 81, False)], [([0, 0, 9, 9], 1, 0.5)]), ([], [])])
    tensors = [
        {k: ops.convert_to_tensor(v) for k, v in batch.items()} for batch in (y_true, y_pred)
    ]
    metric.update_state(*tensors)
    assert float(metric.result()) == 1
    metric.reset_state()
    empty = {"boxes": np.zeros((2, 0, 4)), "labels": np.zeros((2, 0), int)}
    metric.update_state(empty, {**empty, "scores": np.zeros((2, 0))})
    assert float(metric.result()) == -1
    assert metric.details()["mar_100"] == -1


def test_24_bytes_a_detection():
    metric = BoxMeanAveragePrecision()
    boxes, labels = np.tile([0.0, 0, 5, 5], (10, 50, 1)), np.zeros((10, 50), int)
    metric.update_state(
        {"boxes": boxes, "labels": labels},
        {"boxes": boxes, "labels": labels, "scores": np.zeros((10, 50))},
    )
    assert sum(batch.nbytes for batch in metric._log.batches) == 24 * 500


def test_config_comes_back():
    metric = BoxMeanAveragePrecision("xywh", [1, 3], [0.3, 0.5], [5, 20], name="boxes")
    twin = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert twin.get_config() == metric.get_config()
    y_true, y_pred = padded(draw_many(5))
    for one in (metric, twin):
        one.update_state(y_true, y_pred)
    assert 0 < metric.details()["map"] < 1
    assert metric.details() == twin.details()


def test_one_batch_or_fifty():
    y_true, y_pred = padded(draw_many(25))
    one, fifty = BoxMeanAveragePrecision("xywh"), BoxMeanAveragePrecision("xywh")
    one.update_state(y_true, y_pred)
    for which in np.array_split(np.arange(len(y_true["labels"])), 50):
        fifty.update_state(part(y_true, which), part(y_pred, which))
    assert 0 < one.details()["map"] < 1
    assert fifty.details() == one.details()


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"bounding_box_format": "xyhw"}, UnknownNameError, "Did you mean 'xywh'"),
        ({"iou_thresholds": (0.5, 0.5)}, ConfigError, "`iou_thresholds` must rise"),
        ({"iou_thresholds": (0.5, 1.5)}, ConfigError, "`iou_thresholds` must rise"),
        ({"iou_thresholds": ()}, ConfigError, "`iou_thresholds` must rise"),
        ({"iou_thresholds": 0.5}, ConfigError, "`iou_thresholds` must be a list"),
        ({"max_detections": 100}, ConfigError, "`max_detections` must be a list"),
        ({"class_ids": 3}, ConfigError, "`class_ids` must be a list"),
        ({"max_detections": ()}, ConfigError, "`max_detections` must rise"),
        ({"max_detections": (10, 70_000)}, ConfigError, "from above 0 to 65535"),
        ({"max_detections": (1.9,)}, ConfigError, "`max_detections` must be an integer of 1"),
        ({"iou_thresholds": ("0.5",)}, ConfigError, "`iou_thresholds` must be a finite number"),
        ({"class_ids": (0.5,)}, ConfigError, "`class_ids` must be an integer of 0 or above"),
        ({"max_detections": (0, 10)}, ConfigError, "`max_detections` must be an integer of 1"),
    ],
)
def test_arguments_out_of_range(arguments, error, says):
    with pytest.raises(error, match=says):
        BoxMeanAveragePrecision(**arguments)


GOOD = {"boxes": np.ones((1, 2, 4)), "labels": np.zeros((1, 2)), "scores": np.ones((1, 2))}


@pytest.mark.parametrize(
    ("y_true", "y_pred", "says"),
    [
        ([1, 2], GOOD, "`y_true` must be a dictionary with 'labels'"),
        (GOOD, {"boxes": GOOD["boxes"], "labels": GOOD["labels"]}, "dictionary with 'scores'"),
        (GOOD, {**GOOD, "scores": np.ones((1, 3))}, "`y_pred['scores']` must be (1, 2)"),
        ({**GOOD, "boxes": np.ones((1, 2, 5))}, GOOD, "`y_true['boxes']` must be (1, 2, 4)"),
        ({**GOOD, "labels": np.zeros(2)}, GOOD, "`y_true['labels']` must be (batch, n)"),
        ({**GOOD, "boxes": [[[1, 2, 3, 4], [1]]]}, GOOD, "must have rows of one length"),
        ({**GOOD, "boxes": -GOOD["boxes"] * [0, 0, 1, 1]}, GOOD, "no negative width or height"),
        (GOOD, {**GOOD, "scores": np.full((1, 2), np.nan)}, "`y_pred['scores']` must be finite"),
        (GOOD, {k: np.concatenate([v, v]) for k, v in GOOD.items()}, "must have the same length"),
    ],
)
def test_what_is_no_batch_of_boxes(y_true, y_pred, says):
    with pytest.raises(DataError) as caught:
        BoxMeanAveragePrecision().update_state(y_true, y_pred)
    assert says in str(caught.value)


def test_sample_weights_are_refused():
    with pytest.raises(DataError, match="`sample_weight` must be None: the definition"):
        BoxMeanAveragePrecision().update_state(GOOD, GOOD, [1.0])


def test_says_so_inside_of_compiled_functions():
    metric = BoxMeanAveragePrecision()
    tensors = {name: ops.convert_to_tensor(values) for name, values in GOOD.items()}

    def update(values):
        metric.update_state(values, values)

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        compiled = jax.jit(update)
    elif backend == "tensorflow":
        import tensorflow as tf

        compiled = tf.function(update, autograph=False)
    else:
        pytest.skip("PyTorch leaves a compiled function for what it cannot compile")
    with pytest.raises(DataError, match="runs outside of compiled functions"):
        compiled(tensors)
