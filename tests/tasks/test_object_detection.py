"""Object detection from cells to boxes, figures, words, pictures and files."""

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.datasets import source
from kerazoo.errors import DataError, ExportError
from kerazoo.tasks import find_task
from kerazoo.tasks.object_detection import MAX_DETECTIONS, SHOWN

TASK = find_task("object-detection")
DATA = kerazoo.datasets.info("bccd")


def cells_that_say(boxes, grid=(16, 20), classes=3):
    """What a perfect model gives for an image of 128 x 160 pixels with these boxes."""
    cells = np.full((1, grid[0] * grid[1], classes + 5), -9.0, "float32")
    cells[..., classes : classes + 4] = 0
    for label, left, top, right, bottom in boxes:
        column, row = int((left + right) / 16), int((top + bottom) / 16)
        x, y = 8 * column + 4, 8 * row + 4
        place = row * grid[1] + column
        cells[0, place, label] = cells[0, place, -1] = 9
        distances = np.array([x - left, y - top, right - x, bottom - y])
        cells[0, place, classes:-1] = np.log(distances / 8)
    return cells


class Said(keras.layers.Layer):
    """Gives the same cells whatever the image."""

    def __init__(self, cells):
        super().__init__()
        self.cells = cells

    def call(self, images):
        return keras.ops.convert_to_tensor(self.cells) + 0 * keras.ops.mean(images)


BOXES = [(0, 10.0, 20.0, 50.0, 60.0), (1, 70.0, 30.0, 140.0, 110.0), (0, 100.0, 5.0, 130.0, 30.0)]


@pytest.fixture(scope="module")
def found():
    image = keras.Input((128, 160, 3), name="image")
    model = keras.Model(image, Said(cells_that_say(BOXES))(image), name="said")
    deployed = TASK.deployed(model, DATA)
    assert deployed.name == "said_deployed"
    return keras.ops.convert_to_numpy(deployed(np.zeros((1, 128, 160, 3), "float32")))


def test_boxes_come_back_as_they_were(found):
    assert found.shape == (1, MAX_DETECTIONS, 6)
    rows = found[0][found[0, :, 5] >= 0]
    assert len(rows) == 3
    by_place = sorted(rows.tolist())
    for row, box in zip(by_place, sorted(BOXES, key=lambda box: box[1]), strict=True):
        np.testing.assert_allclose(row[:4], box[1:], atol=1e-3)
        assert (row[5], row[4] > 0.99) == (box[0], True)


def test_figures_are_those_of_the_metric(found):
    targets = np.full((1, 5, 5), [-1, 0, 0, 0, 0], "float32")
    targets[0, :3] = BOXES
    assert TASK.score(found, targets, DATA) == {"map_50": 1.0, "map": 1.0}
    targets[0, 3] = (1, 0, 90, 40, 120)  # nobody found this one: recall 1 / 2 of class 1
    half = (1 + 51 / 101) / 2
    assert TASK.score(found, targets, DATA)["map_50"] == pytest.approx(half)


def test_a_class_that_the_dataset_lacks_is_a_number(found):
    output = found[0].copy()
    output[0, 5] = 7
    labels = [box.label for box in TASK.prediction("blood.jpg", output, DATA, top=1).boxes]
    assert labels[0] == "7"


def test_a_prediction_has_a_box_for_each_sure_one(found):
    output = found[0].copy()
    output[2, 4] = SHOWN - 0.01
    prediction = TASK.prediction("blood.jpg", output, DATA, top=1)
    assert (prediction.source, prediction.scores, prediction.values) == ("blood.jpg", {}, [])
    assert len(prediction.boxes) == 2
    assert {box.label for box in prediction.boxes} <= {"RBC", "WBC"}
    assert all(box.score >= SHOWN and box.left < box.right for box in prediction.boxes)
    assert TASK.prediction("x", output, None, top=1).boxes[0].label in ("0", "1")


def test_boxes_are_drawn_on_the_image(found, tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    image = np.full((1, 128, 160, 3), 200, np.uint8)
    drawn, empty = (
        matplotlib.image.imread(
            kerazoo.tasks.save_pictures(TASK, image, output, ["a.png"], DATA, tmp_path / name)[0]
        )
        for name, output in (("boxes", found), ("none", np.full((1, 3, 6), -1.0)))
    )
    red = (drawn[..., 0] > drawn[..., 1] + 0.3).sum()
    assert red > 100
    assert (empty[..., 0] > empty[..., 1] + 0.3).sum() == 0


@pytest.fixture
def uncompiled(tensorflow_backend):
    """Compiling the suppression of boxes takes seconds, running it once as it is takes none."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def photograph(tmp_path):
    """A file of 320 x 384 pixels, and its pixels."""
    import tensorflow as tf

    path = tmp_path / "blood.png"
    pixels = np.random.default_rng(0).integers(0, 256, (384, 320, 3)).astype(np.uint8)
    path.write_bytes(tf.io.encode_png(pixels).numpy())
    return path, pixels


def test_boxes_in_a_file_are_in_its_own_pixels(photograph, uncompiled, monkeypatch):
    """Which is twice as wide and three times as high as what the model takes."""
    image = keras.Input((128, 160, 3), name="image")
    model = keras.Model(image, Said(cells_that_say(BOXES))(image), name="bccd_detector")
    drawn = []
    monkeypatch.setattr(
        "kerazoo.zoo.prediction.save_pictures",
        lambda task, samples, outputs, *others: drawn.extend(zip(samples, outputs, strict=True)),
    )
    path, pixels = photograph
    array = np.zeros((128, 160, 3), np.uint8)
    (in_file,) = kerazoo.predict(model, path, pictures="answers")
    (in_array,) = kerazoo.predict(model, array, pictures="answers")
    for said, across, down in ((in_file, 2, 3), (in_array, 1, 1)):
        found = sorted((box.left, box.top, box.right, box.bottom) for box in said.boxes)
        expected = sorted(box[1:] for box in BOXES)
        np.testing.assert_allclose(found, np.multiply(expected, [across, down] * 2), atol=1e-2)
    (seen, boxes), (as_given, _) = drawn
    np.testing.assert_array_equal(seen, pixels)
    assert sorted(boxes[boxes[:, 5] >= 0, 0]) == pytest.approx([20, 140, 200], abs=1e-2)
    assert as_given.shape == array.shape


def test_a_model_that_is_no_detector_is_refused():
    with pytest.raises(DataError, match="is no detector of a fixed size"):
        TASK.deployed(kerazoo.get("mnist_cnn", weights=None), DATA)


@pytest.fixture(scope="module")
def small():
    """A detector that finds something, though nobody taught it what: of 64 x 80 pixels."""
    keras.utils.set_random_seed(0)
    image = keras.Input((64, 80, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="scale")(image)
    for number in range(3):
        x = keras.layers.Conv2D(8, 3, 2, "same", activation="relu", name=f"conv_{number}")(x)
    heads = [
        keras.layers.Conv2D(width, 3, padding="same", name=name)(x)
        for name, width in (("class_logits", 3), ("log_distances", 4), ("centerness", 1))
    ]
    cells = keras.layers.Concatenate(name="grid")(heads)
    model = keras.Model(image, keras.layers.Reshape((-1, 8), name="cells")(cells), name="small")
    # Clear winners, boxes of some 16 pixels: where all are alike, roundings decide which goes.
    for name, factor in (("class_logits", 6.0), ("log_distances", 0.3)):
        kernel, bias = model.get_layer(name).get_weights()
        model.get_layer(name).set_weights([factor * kernel, bias])
    return model


@pytest.fixture
def deployed(small, monkeypatch):
    """Call it with the most boxes: each is a round of some twenty operators, to be converted."""

    def make(boxes):
        monkeypatch.setattr("kerazoo.tasks.object_detection.MAX_DETECTIONS", boxes)
        return TASK.deployed(small, DATA)

    return make


@pytest.mark.parametrize(
    "quantize",
    [
        pytest.param(None, marks=[pytest.mark.slow, pytest.mark.release]),
        pytest.param("float16", marks=[pytest.mark.slow, pytest.mark.release]),
        "int8",
    ],
)
def test_files_find_what_the_model_finds(deployed, quantize, tmp_path):
    boxes = 10 if quantize == "int8" else MAX_DETECTIONS
    model = deployed(boxes)
    images = np.random.default_rng(1).integers(0, 256, (24, 8, 10, 3)).repeat(8, 1).repeat(8, 2)
    images = images.astype("float32")
    report = kerazoo.export(model, tmp_path / "boxes.tflite", quantize=quantize, calibration=images)
    assert not any(op.startswith("Flex") for op in report.ops)
    assert report.relative_error < (0.2 if quantize == "int8" else 0.02)
    file = kerazoo.load_tflite(tmp_path / "boxes.tflite")
    outputs = np.asarray(file.predict(images[:4]))
    assert outputs.shape == (4, boxes, 6)
    if quantize is None:
        expected = model.predict(images[:4], verbose=0)
        np.testing.assert_allclose(outputs, expected, atol=1e-3)
    if quantize == "int8":
        assert "CONV_2D" not in report.float_ops  # and boxes stay in float
        assert "EXP" in report.float_ops


def test_integers_at_the_end_of_the_file_are_refused(deployed, tmp_path):
    images = np.zeros((8, 64, 80, 3), "float32")
    with pytest.raises(ExportError, match="Use quantize='int8'"):
        kerazoo.export(deployed(10), tmp_path / "x.tflite", quantize="int8_io", calibration=images)


@pytest.mark.slow
@pytest.mark.release
@pytest.mark.skipif(source.find_file("bccd.npz") is None, reason="bccd.npz is not here")
def test_the_published_detector_in_integers_finds_as_much(tmp_path):
    path = tmp_path / "cells.tflite"
    report = kerazoo.export("bccd_detector", path, quantize="int8")
    assert "CONV_2D" not in report.float_ops
    pair = kerazoo.datasets.load_numpy("bccd", "validation")
    whole = kerazoo.evaluate("bccd_detector", split="validation", batch_size=29)
    assert kerazoo.evaluate(kerazoo.load_tflite(path), pair)["map_50"] > whole["map_50"] - 0.02
