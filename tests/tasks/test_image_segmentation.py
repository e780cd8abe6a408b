"""Figures of segmentation against scikit-learn and Keras; answers in words and as a picture."""

import keras
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, jaccard_score

import kerazoo
from kerazoo.datasets.images import read_image
from kerazoo.tasks import find_task, save_pictures
from kerazoo.zoo.catalogue import find_config
from kerazoo.zoo.compilation import compile_model

TASK = find_task("image-segmentation")
DATA = kerazoo.datasets.info("camvid")


def answers(classes, seed=0, right=0.6):
    """Logits for masks `classes`, `(images, height, width)`, of which a share `right` is true."""
    rng = np.random.default_rng(seed)
    called = np.where(
        rng.random(classes.shape) < right, classes, rng.integers(0, 11, classes.shape)
    )
    logits = rng.normal(0, 1, (*classes.shape, 11)).astype("float32")
    np.put_along_axis(logits, np.minimum(called, 10)[..., None], 9.0, axis=-1)
    return logits


def some_masks(seed=0, shape=(5, 12, 16)):
    """Rare and frequent classes, and a tenth without a label."""
    share = np.array([9, 30, 1, 25, 8, 9, 1, 2, 4, 0.5, 0.5, 10]) / 100
    return np.random.default_rng(seed).choice(12, shape, p=share).astype("uint8")


def flat(masks, logits):
    known = masks != 11
    return masks[known], logits.argmax(-1)[known]


@pytest.mark.parametrize("seed", range(4))
def test_figures_are_scikit_learns(seed):
    masks = some_masks(seed)
    logits = answers(masks, seed)
    true, called = flat(masks, logits)
    figures = TASK.score(logits, masks, DATA)
    counts = confusion_matrix(true, called, labels=range(11))
    of_class = np.diag(counts) / (counts.sum(0) + counts.sum(1) - np.diag(counts))
    assert figures["mean_iou"] == pytest.approx(of_class.mean(), rel=1e-12)
    assert figures["mean_iou"] == pytest.approx(jaccard_score(true, called, average="macro"))
    assert figures["pixel_accuracy"] == pytest.approx(accuracy_score(true, called))


def test_a_class_that_is_nowhere_is_left_out():
    masks = np.array([[[0, 0, 3, 11]]], np.uint8)
    logits = np.zeros((1, 1, 4, 11), "float32")
    logits[0, 0, [0, 1, 2, 3], [0, 3, 3, 7]] = 1  # 7 is called where nobody labelled anything
    figures = TASK.score(logits, masks, DATA)
    assert figures["mean_iou"] == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert figures["pixel_accuracy"] == pytest.approx(2 / 3)


def test_the_recipe_judges_alike(notices):
    """Loss and metric of the config, batch by batch, on the same answers."""
    masks = some_masks(1, shape=(7, 12, 16))
    logits = answers(masks, 1)
    judge = keras.Sequential([keras.Input(logits.shape[1:]), keras.layers.Identity()])
    compile_model(judge, find_config("camvid_segmenter").training)
    judged = judge.evaluate(logits, masks, batch_size=7, verbose=0, return_dict=True)
    figures = TASK.score(logits, masks, DATA)
    assert judged["mean_iou"] == pytest.approx(figures["mean_iou"], rel=1e-6)
    in_parts = judge.evaluate(logits, masks, batch_size=2, verbose=0, return_dict=True)
    assert in_parts["mean_iou"] == pytest.approx(figures["mean_iou"], rel=1e-6)
    known = masks != 11
    log_probabilities = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = -np.take_along_axis(log_probabilities[known], masks[known][:, None], 1).mean()
    assert judged["loss"] == pytest.approx(expected, rel=1e-4)


def test_what_the_pixels_are_is_said_by_share():
    logits = np.zeros((2, 5, 11), "float32")
    logits[..., 3] = 1
    logits[0, :3, 8] = 2
    prediction = TASK.prediction("street.png", logits, DATA, top=5)
    assert prediction.scores == {"Road": 0.7, "Car": 0.3}
    assert prediction.values == []
    assert prediction.text == "Road 70.0% of the pixels, Car 30.0%"
    assert list(TASK.prediction("x", logits, DATA, top=1).scores) == ["Road"]
    assert list(TASK.prediction("x", logits[..., :4], DATA, top=2).scores) == ["3"]


def test_the_picture_has_a_colour_and_a_line_of_the_legend_for_each_class(tmp_path):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    logits = np.zeros((18, 24, 11), "float32")
    logits[..., 0] = 1
    logits[9:, :, 3] = 2
    axes = Figure().add_subplot()
    TASK.draw(axes, np.full((18, 24, 3), 90, np.uint8), logits, DATA)
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == ["Sky 50.0%", "Road 50.0%"]
    overlay = axes.get_images()[1].get_array()
    assert len(np.unique(overlay[:9].reshape(-1, 3), axis=0)) == 1
    assert np.any(overlay[0, 0] != overlay[-1, 0])
    colours = [patch.get_facecolor()[:3] for patch in axes.get_legend().get_patches()]
    np.testing.assert_allclose(colours, [overlay[0, 0], overlay[-1, 0]])
    photograph = np.full((1, 18, 24, 3), 90, np.uint8)
    (path,) = save_pictures(TASK, photograph, logits[None], ["a street.png"], DATA, tmp_path)
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("size", [(36, 72), (50, 31), (10, 13), (18, 24)])
def test_a_mask_has_the_nearest_class_at_the_samples_size(size):
    """TensorFlow's own, of pixels' middles."""
    import tensorflow as tf

    logits = answers(some_masks(shape=(1, 18, 24)) % 11)[0]
    mask = TASK.mask(np.zeros((*size, 3)), logits)
    called = logits.argmax(-1)[..., None]
    expected = tf.image.resize(called, size, method="nearest").numpy()[..., 0]
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, expected)
    assert TASK.mask(np.zeros((1, 1)), np.eye(300)[[[299]]]).tolist() == [[299]]


def test_the_mask_of_a_file_is_saved_beside_its_picture_at_its_size(tmp_path):
    pytest.importorskip("matplotlib")
    from PIL import Image

    keras.utils.set_random_seed(0)
    image = keras.Input((18, 24, 3))
    scores = keras.layers.Conv2D(11, 1)(keras.layers.Rescaling(1 / 127.5, offset=-1)(image))
    model = keras.Model(image, scores, name="camvid_segmenter")
    pixels = np.random.default_rng(0).integers(0, 256, (180, 120, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "street.png")
    (said,) = kerazoo.predict(model, tmp_path / "street.png", top=11, pictures=tmp_path / "answers")
    assert (tmp_path / "answers" / "0_street.png").is_file()
    mask = np.asarray(Image.open(tmp_path / "answers" / "masks" / "0_street.png"))
    squeezed = read_image(tmp_path / "street.png", (18, 24, 3))
    expected = model.predict(squeezed[None], verbose=0)[0].argmax(-1)
    np.testing.assert_array_equal(mask, expected.repeat(10, axis=0).repeat(5, axis=1))
    names = np.array(DATA.class_names)[np.unique(expected)]
    assert set(said.scores) == set(names)


@pytest.mark.slow
@pytest.mark.parametrize("quantize", [pytest.param(None, marks=pytest.mark.release), "int8"])
def test_an_exported_file_is_judged_like_the_model(tmp_path, data_file, quantize):
    """Of the published weights, on a part of the validation frames."""
    data_file("camvid.npz")
    if not kerazoo.info("camvid_segmenter").pretrained:
        pytest.skip("needs published weights")
    images, masks = kerazoo.datasets.load_numpy("camvid", "validation")
    pair = images[::8], masks[::8]
    path = tmp_path / "segmenter.tflite"
    report = kerazoo.export("camvid_segmenter", path, quantize=quantize, calibration=images[1::4])
    assert not any("Flex" in name for name in report.ops)
    assert report.integer_only == (quantize == "int8")
    of_model, of_file = (
        kerazoo.evaluate("camvid_segmenter", pair),
        kerazoo.evaluate(str(path), pair),
    )
    assert of_file.keys() == of_model.keys() == {"loss", "mean_iou", "pixel_accuracy"}
    apart = 1e-4 if quantize is None else 0.02
    assert of_file["mean_iou"] == pytest.approx(of_model["mean_iou"], abs=apart)
    assert of_file["pixel_accuracy"] == pytest.approx(of_model["pixel_accuracy"], abs=apart)
