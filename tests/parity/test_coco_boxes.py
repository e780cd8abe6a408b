"""Mean average precision of boxes against pycocotools: every number it prints."""

import contextlib
import io

import numpy as np
import pytest

from kerazoo.metrics import BoxMeanAveragePrecision

pycocotools_coco = pytest.importorskip("pycocotools.coco")
pycocotools_eval = pytest.importorskip("pycocotools.cocoeval")

TWELVE = """map map_50 map_75 map_small map_medium map_large
            mar_1 mar_10 mar_100 mar_small mar_medium mar_large"""
NAMES = TWELVE.split()


def by_pycocotools(images, classes):
    """The twelve numbers, and precision of each class. `images` as `draw_images` makes them."""
    truths = [
        {"id": 0, "image_id": image, "category_id": label, "bbox": box, "area": area,
         "iscrowd": int(crowd)}
        for image, (truth, _) in enumerate(images)
        for box, label, area, crowd in truth
    ]  # fmt: skip
    for number, truth in enumerate(truths, start=1):  # pycocotools takes the id 0 for "no match"
        truth["id"] = number
    found = [
        {"image_id": image, "category_id": label, "bbox": box, "score": score}
        for image, (_, found) in enumerate(images)
        for box, label, score in found
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = pycocotools_coco.COCO()
        coco.dataset = {
            "images": [{"id": image} for image in range(len(images))],
            "annotations": truths,
            "categories": [{"id": label} for label in classes],
        }
        coco.createIndex()
        if found:
            results = coco.loadRes(found)
        else:  # loadRes wants at least one
            results = pycocotools_coco.COCO()
            results.dataset = {**coco.dataset, "annotations": []}
            results.createIndex()
        evaluation = pycocotools_eval.COCOeval(coco, results, "bbox")
        evaluation.params.catIds = list(classes)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]
    return evaluation.stats, precision.mean(axis=(0, 1))


def draw_images(rng, count, classes, most, crowds):
    """Per image, (box, label, area, crowd) and (box, label, score); boxes left, top, size."""

    def draw_box():
        sides = rng.integers(1, rng.choice([20, 60, 200]), 2)
        return [float(side) for side in (*rng.integers(0, 300, 2), *sides)]

    def draw_truth():
        box = draw_box()
        area = box[2] * box[3] * float(rng.choice([1.0, 1.0, 0.5]))
        return box, int(rng.integers(classes)), area, bool(rng.random() < crowds)

    def draw_found(truth):
        box, label = draw_box(), int(rng.integers(classes))
        if truth and rng.random() < 0.7:
            box, near, *_ = truth[rng.integers(len(truth))]
            label = near if rng.random() < 0.9 else label
            box = [max(side + float(rng.integers(-4, 5)), 1.0) for side in box]
        tied = rng.random() < 0.7
        return box, label, float(rng.integers(8)) / 8 if tied else float(rng.random())

    images = []
    for _ in range(count):
        truth = [draw_truth() for _ in range(rng.integers(0, 7))]
        images.append((truth, [draw_found(truth) for _ in range(rng.integers(0, most + 1))]))
    return images


def padded(images):
    """`y_true` and `y_pred` as Keras has them."""

    def pad(rows, shape=()):
        longest = max(map(len, rows))
        full = np.zeros((len(rows), longest, *shape))
        for row, values in zip(full, rows, strict=True):
            row[: len(values)] = np.reshape(values, (len(values), *shape))
        return full

    def labels(which):
        rows = [[item[1] + 1 for item in image[which]] for image in images]
        return (pad(rows) - 1).astype(int)  # 0, which pads, becomes -1

    def column(which, field, shape=()):
        return pad([[item[field] for item in image[which]] for image in images], shape)

    truth = {"boxes": column(0, 0, (4,)), "labels": labels(0)}
    truth |= {"areas": column(0, 2), "crowd": column(0, 3)}
    return truth, {"boxes": column(1, 0, (4,)), "labels": labels(1), "scores": column(1, 2)}


def update(metric, images, batch_size):
    y_true, y_pred = padded(images)
    for start in range(0, len(images), batch_size):
        which = slice(start, start + batch_size)
        metric.update_state(
            *({name: values[which] for name, values in y.items()} for y in (y_true, y_pred))
        )
    return metric.details()


@pytest.mark.parametrize("first", range(0, 240, 60))
def test_all_twelve_numbers(first):
    """Ties in score, images without boxes, one class, crowds, more than 100 detections."""
    for seed in range(first, first + 60):
        rng = np.random.default_rng(seed)
        classes, most = int(rng.choice([1, 3, 6])), int(rng.choice([0, 3, 12, 150]))
        images = draw_images(rng, int(rng.integers(1, 9)), classes, most, rng.choice([0, 0.2]))
        expected, per_class = by_pycocotools(images, range(classes))
        got = update(BoxMeanAveragePrecision("xywh"), images, int(rng.integers(1, 4)))
        np.testing.assert_allclose([got[n] for n in NAMES], expected, atol=1e-6, err_msg=f"{seed}")
        for label, number in got["map_per_class"].items():
            assert number == pytest.approx(per_class[label], abs=1e-6), seed


def test_a_subset_of_the_classes():
    for seed in range(20):
        images = draw_images(np.random.default_rng(seed), 8, 6, 12, 0.1)
        expected, _ = by_pycocotools(images, [1, 4])
        got = update(BoxMeanAveragePrecision("xywh", class_ids=[1, 4]), images, 4)
        np.testing.assert_allclose([got[n] for n in NAMES], expected, atol=1e-6, err_msg=f"{seed}")


def test_a_thousand_images():
    images = draw_images(np.random.default_rng(0), 1000, 10, 20, 0.05)
    expected, _ = by_pycocotools(images, range(10))
    got = update(BoxMeanAveragePrecision("xywh"), images, 32)
    np.testing.assert_allclose([got[name] for name in NAMES], expected, atol=1e-6)
