"""`kerazoo.evaluate` against the metrics computed by hand."""

import keras
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

import kerazoo
from kerazoo.errors import DataError, UnknownNameError, WeightsError


def test_metrics_are_those_of_the_outputs():
    model = kerazoo.get("mnist_mlp")
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


def test_files_are_evaluated_like_their_model(tmp_path):
    model = kerazoo.get("mnist_mlp")
    expected = kerazoo.evaluate(model, "digits")
    model.save(tmp_path / "model.keras")
    kerazoo.export(model, tmp_path / "model.tflite", verify=False)
    for name in ("model.keras", "model.tflite"):
        assert kerazoo.evaluate(str(tmp_path / name), "digits") == pytest.approx(expected, rel=1e-3)


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
    with pytest.raises(DataError, match="`batch_size` must be 1 or above, or None. Received: 0"):
        kerazoo.evaluate("mnist_mlp", "digits", batch_size=0)


def test_a_file_with_probabilities_is_judged_like_its_model(tmp_path):
    model = kerazoo.get("mnist_mlp", classifier_activation="softmax")
    kerazoo.export(model, tmp_path / "scores.tflite", verify=False)
    images, labels = kerazoo.datasets.load_numpy("digits", "test")
    expected = kerazoo.evaluate("mnist_mlp", (images, labels))  # from the logits
    file = kerazoo.evaluate(tmp_path / "scores.tflite", [(images[:900], labels[:900])] * 2)
    assert set(file) == set(expected)
    assert kerazoo.evaluate(tmp_path / "scores.tflite", "digits") == pytest.approx(
        expected, rel=1e-3
    )
