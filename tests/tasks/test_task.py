"""What every task can do; and a task of its own through all functions."""

import keras
import numpy as np
import pytest
from scipy.special import softmax

import kerazoo
from kerazoo.datasets import registry as dataset_registry
from kerazoo.datasets.dataset import Dataset
from kerazoo.errors import ConfigError, DataError
from kerazoo.tasks import Task, find_task, inputs_for
from kerazoo.tasks.task import is_distribution
from kerazoo.zoo import catalogue
from kerazoo.zoo import registry as model_registry


def test_names_without_a_file_are_answered_by_scores_or_values():
    assert type(find_task("image-classification")) is Task
    assert type(find_task("my-own-task")) is Task


def test_inputs_are_chosen_by_name():
    inputs = {"source": np.zeros(2), "prefix": np.ones(2)}
    np.testing.assert_array_equal(inputs_for(["prefix"], inputs), [1, 1])
    assert list(inputs_for(["prefix", "source"], inputs)) == ["prefix", "source"]
    np.testing.assert_array_equal(inputs_for(["anything"], np.zeros(2)), [0, 0])
    with pytest.raises(DataError, match=r"takes \['image'\]. Received: \['prefix', 'source'\]"):
        inputs_for(["image"], inputs)


def test_one_number_is_a_value_whatever_the_dataset():
    data = kerazoo.datasets.info("rt_polarity")  # of two classes
    for known in (data, None):
        answer = Task().prediction("", np.array([0.25]), known, top=2)
        assert (answer.scores, answer.values) == ({}, [0.25])
    answer = Task().prediction("", np.array([0.25, 0.75]), data, top=2)
    assert answer.scores == {"positive": 0.75, "negative": 0.25}


@pytest.mark.parametrize("classes", [2, 3, 10, 100, 1000])
def test_rounded_probabilities_are_told_from_logits(classes):
    logits = np.random.default_rng(0).normal(size=(50, classes))
    for sharpness in (0.0, 0.3, 3.0, 30.0):
        exact = softmax(sharpness * logits, axis=1)
        in_bytes = np.clip(np.round(exact * 256), 0, 255) / 256  # as TFLite does
        assert is_distribution(exact)
        assert is_distribution(in_bytes)
    assert not is_distribution(logits)
    assert not is_distribution(np.abs(logits))


@pytest.mark.parametrize("shape", [(28, 28, 1), (8, 8, 3), (40,), (36, 1)])
def test_samples_are_drawn_with_their_answer(shape, tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    samples = np.random.default_rng(0).uniform(0, 255, (2, *shape))
    outputs = np.array([[2.0, 1.0], [0.0, 3.0]])
    paths = kerazoo.tasks.save_pictures(
        Task(), samples, outputs, ["a/digit.png", "a wonderful film!"], None, tmp_path / "new"
    )
    assert [path.name for path in paths] == ["0_digit.png", "1_a_wonderful_film.png"]
    assert all(matplotlib.image.imread(path).std() > 0 for path in paths)


def test_texts_are_drawn_as_words_above_a_bar_for_each_label():
    axes = pytest.importorskip("matplotlib.figure").Figure().add_subplot()
    data = kerazoo.datasets.info("rt_polarity")
    sample = data.parse("It isn't a zxqv film!")
    find_task("text-classification").draw(axes, sample, np.log([0.25, 0.75]), data)
    assert axes.get_title(loc="left") == "it is n't a [?] film !"
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([0.25, 0.75])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["negative", "positive"]
    find_task("text-classification").draw(axes, np.array([7, 3, 0]), np.zeros(2), None)
    assert axes.get_title(loc="left") == "7 3"


def test_what_has_no_picture_is_said(tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(DataError, match=r"shape \(4, 5\) have no picture"):
        kerazoo.tasks.save_pictures(
            Task(), np.zeros((1, 4, 5)), np.zeros((1, 2)), ["0"], None, tmp_path
        )
    assert not list(tmp_path.iterdir())


class _Doubling(Task):
    """Its trained model takes a hint that is not there later, and gives half of what is asked."""

    measures = ("largest_error",)
    is_decoded = True

    def deployed(self, model, data):
        numbers = keras.Input((2,), name="numbers")
        doubled = keras.layers.Rescaling(2.0)(model.get_layer("half")(numbers))
        return keras.Model(numbers, doubled, name=f"{model.name}_deployed")

    def score(self, outputs, targets, data):
        return {"largest_error": float(np.abs(outputs[:, 0] - 2 * targets).max())}


def _build():
    numbers, hint = keras.Input((2,), name="numbers"), keras.Input((1,), name="hint")
    return keras.Model(
        {"numbers": numbers, "hint": hint}, keras.layers.Dense(1, name="half")(numbers)
    )


def _read(split):
    numbers = np.random.default_rng(len(split)).uniform(-1, 1, (128, 2)).astype("float32")
    return {"numbers": numbers, "hint": numbers[:, :1]}, numbers.sum(axis=1) / 2


_DATA = Dataset(
    name="halves_data",
    summary="Two numbers, one of them once more, and half of their sum.",
    splits=("train", "test", "validation"),
    input_shape={"numbers": (2,), "hint": (1,)},
    class_names=None,
    license="none",
    read=_read,
)
_CONFIG = """
name: halves
task: doubling
summary: Adds up two numbers.
model: {builder: halves_builder}
data: {dataset: halves_data, batch_size: 32}
training:
  epochs: 60
  optimizer: {name: sgd, learning_rate: 0.3}
  loss: {name: mean_squared_error}
distribution: {precision: float32, xla: false}
card: {license: Apache-2.0}
"""


@pytest.fixture
def halves(tmp_path, monkeypatch):
    """The zoo with one more model, of a task of its own; a folder to work in."""
    known = dataset_registry._datasets()
    monkeypatch.setattr(dataset_registry, "_datasets", lambda: known | {"halves_data": _DATA})
    for user in ("kerazoo.zoo.prediction", "kerazoo.tasks"):  # it takes its own from there
        monkeypatch.setattr(f"{user}.find_task", lambda name: _Doubling())
    monkeypatch.setitem(model_registry._registered, "halves_builder", _build)
    (tmp_path / "halves.yaml").write_text(_CONFIG)
    monkeypatch.setitem(catalogue._added, "halves", tmp_path / "halves.yaml")
    return tmp_path


def test_a_task_of_its_own_trains_is_judged_asked_and_exported(halves):
    result = kerazoo.train("halves", output_dir=halves / "run", progress=False)
    assert "val_loss" in result.metrics  # there is a split for it
    metrics = kerazoo.evaluate(result.model)
    assert metrics["loss"] < 1e-6
    assert metrics["largest_error"] < 1e-2
    said = kerazoo.predict(result.model, np.array([[0.5, 0.25]], "float32"))
    assert said[0].values == pytest.approx([0.75], abs=1e-2)
    kerazoo.export(result.model, halves / "halves.tflite")
    assert kerazoo.evaluate(halves / "halves.tflite").keys() == {"largest_error"}


def test_a_validation_split_and_a_fraction_are_one_too_many(halves):
    with pytest.raises(ConfigError, match="halves_data has a validation part of its own"):
        kerazoo.train(
            "halves", output_dir=halves / "run", overrides={"data.validation": 0.1}, progress=False
        )
    assert not (halves / "run").exists()
