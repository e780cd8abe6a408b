"""`kerazoo.evaluate` against the metrics computed by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import accuracy_score, log_loss

import kerazoo
from kerazoo.errors import ConfigError, DataError, UnknownNameError, WeightsError


@pytest.fixture(scope="module")
def model(small_mnist):
    return kerazoo.get("mnist_mlp")


@pytest.fixture(scope="module")
def tflite(model, tmp_path_factory):
    """The same as a file."""
    path = tmp_path_factory.mktemp("exported") / "model.tflite"
    kerazoo.export(model, path, quantize=None, verify=False)
    return path


def test_metrics_are_those_of_the_outputs(model):
    images, labels = kerazoo.datasets.load_numpy("digits", "test")
    logits = model.predict(images, verbose=0)
    scores = np.exp(logits - logits.max(1, keepdims=True))
    scores /= scores.sum(1, keepdims=True)
    expected = {
        "accuracy": accuracy_score(labels, logits.argmax(1)),
        "loss": log_loss(labels, scores.astype("float64")),
    }
    assert kerazoo.evaluate(model, "digits") == pytest.approx(expected, rel=1e-4)
    assert kerazoo.evaluate("mnist_mlp", "digits", batch_size=7) == pytest.approx(
        expected, rel=1e-4
    )
    pipeline = kerazoo.datasets.load("digits", "test", batch_size=100)
    assert kerazoo.evaluate(model, pipeline) == pytest.approx(expected, rel=1e-4)


def test_an_uncompiled_zoo_model_is_judged_by_its_recipe():
    images, labels = kerazoo.datasets.load_numpy("digits", "test")
    model = kerazoo.get("mnist_mlp", compile=False)
    assert set(kerazoo.evaluate(model, (images, labels))) == {"loss", "accuracy"}


def test_files_are_evaluated_like_their_model(model, tflite, tmp_path):
    expected = kerazoo.evaluate(model, "digits")
    model.save(tmp_path / "model.keras")
    for path in (tmp_path / "model.keras", tflite):
        assert kerazoo.evaluate(str(path), "digits") == pytest.approx(expected, rel=1e-3)


def test_what_cannot_be_evaluated_is_said_in_one_line(tmp_path):
    stranger = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    with pytest.raises(DataError, match="is not in the zoo: pass `dataset=`"):
        kerazoo.evaluate(stranger)
    with pytest.raises(DataError, match=r"takes samples of shape \(28, 28, 1\). Received: \(10,\)"):
        kerazoo.evaluate("mnist_mlp", "diabetes")
    with pytest.raises(
        UnknownNameError, match="Unknown split of digits 'tset'. Did you mean 'test'"
    ):
        kerazoo.evaluate("mnist_mlp", "digits", split="tset")
    with pytest.raises(WeightsError, match="No model file"):
        kerazoo.evaluate(str(tmp_path / "none.keras"))
    (tmp_path / "text.keras").write_text("no model")
    with pytest.raises(WeightsError, match="Cannot load the model"):
        kerazoo.evaluate(str(tmp_path / "text.keras"))


def test_labels_sizes_and_lengths_that_do_not_fit_are_one_line():
    images, labels = kerazoo.datasets.load_numpy("digits", "test")
    three = kerazoo.get("mnist_mlp", num_classes=3)
    with pytest.raises(DataError, match="labels must be 0 to 2, .* Received: 0 to 9"):
        kerazoo.evaluate(three, (images, labels))
    with pytest.raises(DataError, match="There are 1797 inputs and 5 targets"):
        kerazoo.evaluate("mnist_mlp", (images, labels[:5]))
    with pytest.raises(ConfigError, match=r"`batch_size` must be an integer of 1 .* Received: 0"):
        kerazoo.evaluate("mnist_mlp", "digits", batch_size=0)


def test_a_file_with_probabilities_is_judged_like_its_model(model, tmp_path):
    scores = kerazoo.get("mnist_mlp", classifier_activation="softmax")
    kerazoo.export(scores, tmp_path / "scores.tflite", quantize=None, verify=False)
    images, labels = kerazoo.datasets.load_numpy("digits", "test")
    expected = kerazoo.evaluate(model, (images, labels))  # from the logits
    file = kerazoo.evaluate(tmp_path / "scores.tflite", [(images[:900], labels[:900])] * 2)
    assert set(file) == set(expected)
    assert kerazoo.evaluate(tmp_path / "scores.tflite", "digits") == pytest.approx(
        expected, rel=1e-3
    )


def test_probabilities_of_8_bits_are_judged_as_such(tmp_path):
    """Of 100 classes the sums of rounded rows miss 1 by more than 0.01."""
    model = kerazoo.get("mnist_mlp", num_classes=100, classifier_activation="softmax")
    images, _ = kerazoo.datasets.load_numpy("digits", "test")
    scores = model.predict(images, verbose=0)
    path = tmp_path / "hundred.tflite"
    kerazoo.export(model, path, quantize="int8", verify=False)
    sums = kerazoo.load_tflite(path).predict(images).sum(axis=1)
    assert np.abs(sums - 1).max() > 0.01
    likeliest = scores.argmax(axis=1)
    expected = log_loss(likeliest, scores.astype("float64"), labels=range(100))
    assert kerazoo.evaluate(path, (images, likeliest))["loss"] == pytest.approx(expected, rel=0.1)


@pytest.fixture
def digits_folder(tmp_path):
    """Some digits as PNG files in folders of their names, the fives missing."""
    images, labels = kerazoo.datasets.load_numpy("digits", "test")
    chosen = np.flatnonzero(labels != 5)[:60]
    for number in chosen:
        path = tmp_path / "digits" / str(labels[number]) / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tf.io.encode_png(images[number].astype("uint8")).numpy())
    return tmp_path / "digits", images[chosen], labels[chosen]


def test_a_folder_of_images_is_data(model, tflite, digits_folder, tmp_path, monkeypatch):
    folder, images, labels = digits_folder
    expected = kerazoo.evaluate(model, (images, labels))
    assert kerazoo.evaluate(model, folder) == pytest.approx(expected, rel=1e-2)
    measured = kerazoo.evaluate(tflite, folder, batch_size=7)
    assert measured == pytest.approx(expected, rel=1e-2)
    monkeypatch.chdir(tmp_path)
    assert kerazoo.evaluate(model, "./digits") == pytest.approx(expected, rel=1e-2)
    whole = kerazoo.evaluate(model, "digits")  # a dataset has that name
    assert whole["loss"] != pytest.approx(expected["loss"], rel=1e-2)


def test_a_folder_that_does_not_fit_is_one_line(digits_folder, tmp_path):
    folder, *_ = digits_folder
    with pytest.raises(DataError, match="'none' is no folder, and no dataset of that name"):
        kerazoo.evaluate("mnist_mlp", "none/")
    with pytest.raises(DataError, match="judges classifiers of images of one size"):
        kerazoo.evaluate("linear_regression", folder)
    three = kerazoo.get("mnist_mlp", num_classes=3)
    with pytest.raises(DataError, match="3 classes without names, the folder 9"):
        kerazoo.evaluate(three, folder)
    (folder / "7" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="broken.png' is no PNG"):
        kerazoo.evaluate("mnist_mlp", folder)
    (folder / "7" / "broken.png").unlink()
    (folder / "8").rename(folder / "eight")
    with pytest.raises(DataError, match="knows no class 'eight': its classes are 0, 1, 2"):
        kerazoo.evaluate("mnist_mlp", folder)


def test_of_a_classifier_that_nobody_compiled_the_accuracy_is_told(model, tmp_path):
    images, labels = kerazoo.datasets.load_numpy("digits", "test")
    stranger = keras.Model(model.inputs, model.outputs, name="stranger")
    expected = {"accuracy": accuracy_score(labels, model.predict(images, verbose=0).argmax(1))}
    stranger.save(tmp_path / "stranger.keras")
    kerazoo.export(stranger, tmp_path / "stranger.tflite", quantize=None, verify=False)
    pipeline = kerazoo.datasets.load("digits", "test", batch_size=500)
    for given, data in (
        (tmp_path / "stranger.keras", "digits"),
        (tmp_path / "stranger.tflite", "digits"),
        (stranger, (images, labels[:, None])),
        (stranger, pipeline),
    ):
        assert kerazoo.evaluate(given, data) == pytest.approx(expected)
    assert not stranger.compiled
    with pytest.raises(DataError, match=r"labels must be 0 to 9, .* Received: 0 to 10"):
        kerazoo.evaluate(stranger, (images, labels + (labels == 9)))
    with pytest.raises(DataError, match="By what to judge this model is unknown"):
        kerazoo.evaluate(stranger, (images, labels.astype("float32")))
    with pytest.raises(DataError, match=r"batches of \(inputs, targets\). Received: 3 parts"):
        kerazoo.evaluate(stranger, [(images, labels, np.ones(len(labels)))])
    with pytest.raises(DataError, match="takes samples of shape"):
        kerazoo.evaluate(stranger, "diabetes")


def test_what_is_no_model_file_is_said(tmp_path):
    kept = kerazoo.get("mnist_mlp", weights=None, compile=False)
    kept.save(tmp_path / "model.keras")
    content = (tmp_path / "model.keras").read_bytes()
    (tmp_path / "cut.keras").write_bytes(content[: len(content) // 2])
    with pytest.raises(WeightsError, match="cut.keras': it is damaged, or no .keras file"):
        kerazoo.evaluate(tmp_path / "cut.keras")
    with pytest.raises(WeightsError, match="or a .keras or .tflite file. Did you mean '.*/model"):
        kerazoo.evaluate(str(tmp_path), "digits")
