"""`kerazoo.predict`: scores against SciPy's softmax, samples from arrays and files."""

import keras
import numpy as np
import pytest
from scipy.io import wavfile
from scipy.special import softmax

import kerazoo
from kerazoo.errors import DataError


@pytest.fixture(scope="module")
def images():
    return kerazoo.datasets.load_numpy("digits", "test")[0][:6]


def test_scores_are_the_softmax_of_the_logits_best_first(images):
    model = kerazoo.get("mnist_mlp")
    expected = softmax(model.predict(images, verbose=0).astype("float64"), axis=1)
    predictions = kerazoo.predict(model, images, top=10)
    for prediction, row in zip(predictions, expected, strict=True):
        assert list(prediction.scores) == [str(n) for n in np.argsort(-row)]
        for label, score in prediction.scores.items():
            assert score == pytest.approx(row[int(label)], abs=1e-6)


def test_a_model_with_softmax_gives_the_same_scores(images):
    plain = kerazoo.predict("mnist_mlp", images, top=1)
    scored = kerazoo.predict(
        kerazoo.get("mnist_mlp", classifier_activation="softmax"), images, top=1
    )
    for a, b in zip(plain, scored, strict=True):
        assert a.scores == pytest.approx(b.scores, abs=1e-5)


def test_one_sample_a_batch_and_files_are_the_same_samples(images, tmp_path):
    np.save(tmp_path / "one.npy", images[0])
    np.save(tmp_path / "two.npy", images[:2])
    from_array = kerazoo.predict("mnist_mlp", images[:2])
    from_files = kerazoo.predict("mnist_mlp", [tmp_path / "one.npy", tmp_path / "two.npy"])
    assert [p.source for p in from_array] == ["0", "1"]
    assert [p.source.rsplit("/", 1)[1] for p in from_files] == [
        "one.npy",
        "two.npy[0]",
        "two.npy[1]",
    ]
    assert from_files[0].values == pytest.approx(from_array[0].values, abs=1e-4)
    assert from_files[2].values == pytest.approx(from_array[1].values, abs=1e-4)


def test_another_head_has_numbers_for_names(images):
    model = kerazoo.get("mnist_mlp", num_classes=3)
    assert set(kerazoo.predict(model, images[:1])[0].scores) == {"0", "1", "2"}


def test_a_model_from_elsewhere_is_numbered_too():
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(4)(inputs), name="stranger")
    assert len(kerazoo.predict(model, np.ones((1, 2)))[0].scores) == 4


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        (np.zeros((2, 14, 14, 1)), r"\(28, 28, 1\) are expected. Received: \(2, 14, 14, 1\)"),
        (np.full((1, 28, 28, 1), np.nan), "not finite"),
        (np.zeros((0, 28, 28, 1)), "Received: \\(0, 28, 28, 1\\)"),
        (np.array(["text"]), "numbers are expected"),
        ([], "No samples were given"),
        ("missing.npy", "Cannot read 'missing.npy'"),
    ],
)
def test_what_is_no_sample_is_said_in_one_line(inputs, says):
    with pytest.raises(DataError, match=says):
        kerazoo.predict("mnist_mlp", inputs)


def test_pickled_and_damaged_arrays_are_refused(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "several.npz", a=np.zeros(3))
    (tmp_path / "several.npz").rename(tmp_path / "several.npy")
    (tmp_path / "text.npy").write_text("no array")
    for name in ("objects.npy", "several.npy", "text.npy"):
        with pytest.raises(DataError):
            kerazoo.predict("mnist_mlp", tmp_path / name)


def test_texts_are_samples_of_a_model_of_texts(tmp_path):
    model = kerazoo.get("mr_text_cnn", weights=None, embedding_units=4, filters=4)
    texts = ["A moving film.", "it isn't good"]
    predictions = kerazoo.predict(model, texts)
    assert [prediction.source for prediction in predictions] == texts
    assert set(predictions[0].scores) == {"negative", "positive"}
    parse = kerazoo.datasets.info("rt_polarity").parse
    encoded = np.stack([parse(text) for text in texts])
    np.save(tmp_path / "texts.npy", encoded)
    for other in (kerazoo.predict(model, encoded), kerazoo.predict(model, tmp_path / "texts.npy")):
        for ours, theirs in zip(predictions, other, strict=True):
            assert ours.values == pytest.approx(theirs.values, abs=1e-5)


def test_one_sigmoid_is_the_probability_of_the_second_class(tmp_path):
    settings = {"embedding_units": 4, "filters": 4, "num_classes": 1}
    texts = ["A moving film.", "it isn't good"]
    model = kerazoo.get("mr_text_cnn", weights=None, classifier_activation="sigmoid", **settings)
    parse = kerazoo.datasets.info("rt_polarity").parse
    expected = model.predict(np.stack([parse(text) for text in texts]), verbose=0)[:, 0]
    predictions = kerazoo.predict(model, texts, pictures=tmp_path)
    for prediction, probability in zip(predictions, expected, strict=True):
        scores = {"positive": probability, "negative": 1 - probability}
        assert prediction.scores == pytest.approx(scores, abs=1e-6)
        assert list(prediction.scores.values()) == sorted(scores.values(), reverse=True)
        assert prediction.values == pytest.approx([probability], abs=1e-6)
    assert len(list(tmp_path.glob("*.png"))) == 2
    logit = kerazoo.get("mr_text_cnn", weights=None, **settings)  # without the sigmoid: a value
    assert kerazoo.predict(logit, texts)[0].scores == {}


def test_sounds_are_samples_of_a_model_of_sounds(tmp_path):
    model = kerazoo.get("fsdd_keyword", weights=None, filters=4, blocks=1)
    samples = np.random.default_rng(0).integers(-9000, 9000, 5000).astype(np.int16)
    wavfile.write(tmp_path / "seven.wav", 8000, samples)
    padded = np.pad(samples, 1500)[None].astype("float32") / 32768
    (from_file,), (from_array,) = (
        kerazoo.predict(model, given) for given in (tmp_path / "seven.wav", padded)
    )
    assert from_file.values == pytest.approx(from_array.values, abs=1e-5)
    with pytest.raises(DataError, match="Cannot read .*eight.wav"):
        kerazoo.predict(model, "eight.wav")


def test_a_forecast_has_all_its_quantiles():
    model = kerazoo.get(
        "timeseries_forecaster", weights=None, filters=4, dilation_rates=[1], horizon=2
    )
    (prediction,) = kerazoo.predict(model, np.full((36, 1), 20.0))
    assert prediction.scores == {}
    expected = model.predict(np.full((1, 36, 1), 20.0), verbose=0)[0]
    assert np.reshape(prediction.values, (2, 3)) == pytest.approx(expected)


def test_a_model_of_any_size_takes_arrays_of_one(tmp_path):
    inputs = keras.Input((None, None, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(4)(pooled))
    assert len(kerazoo.predict(model, np.zeros((5, 9, 3), "float32"))) == 1
    np.save(tmp_path / "small.npy", np.zeros((5, 9, 3)))
    np.save(tmp_path / "large.npy", np.zeros((6, 9, 3)))
    with pytest.raises(DataError, match="differ in size"):
        kerazoo.predict(model, [tmp_path / "small.npy", tmp_path / "large.npy"])
    with pytest.raises(DataError, match=r"shape \(None, None, 3\): pass a .npy file"):
        kerazoo.predict(model, tmp_path / "photo.jpg")
