"""`kerazoo.predict`: scores against SciPy's softmax, samples from arrays and files."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.io import wavfile
from scipy.special import softmax

import kerazoo
from kerazoo.errors import ConfigError, DataError
from kerazoo.labels_file import labels_path, write_labels


@pytest.fixture(scope="module")
def images():
    return kerazoo.datasets.load_numpy("digits", "test")[0][:6]


@pytest.fixture(scope="module")
def digits_model():
    return kerazoo.get("mnist_mlp")


@pytest.fixture(scope="module")
def text_model():
    return kerazoo.get("mr_text_cnn", weights=None, embedding_units=4, filters=4)


def test_scores_are_the_softmax_of_the_logits_best_first(digits_model, images):
    expected = softmax(digits_model.predict(images, verbose=0).astype("float64"), axis=1)
    predictions = kerazoo.predict(digits_model, images, top=10)
    for prediction, row in zip(predictions, expected, strict=True):
        assert list(prediction.scores) == [str(n) for n in np.argsort(-row)]
        for label, score in prediction.scores.items():
            assert score == pytest.approx(row[int(label)], abs=1e-6)


def test_a_model_with_softmax_gives_the_same_scores(digits_model, images):
    plain = kerazoo.predict(digits_model, images, top=1)
    scored = kerazoo.predict(
        kerazoo.get("mnist_mlp", classifier_activation="softmax"), images, top=1
    )
    for a, b in zip(plain, scored, strict=True):
        assert a.scores == pytest.approx(b.scores, abs=1e-5)


def test_one_sample_a_batch_and_files_are_the_same_samples(digits_model, images, tmp_path):
    np.save(tmp_path / "one.npy", images[0])
    np.save(tmp_path / "two.npy", images[:2])
    from_array = kerazoo.predict("mnist_mlp", images[:2])
    from_files = kerazoo.predict(digits_model, [tmp_path / "one.npy", tmp_path / "two.npy"])
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
    "given",
    [
        lambda images: keras.ops.convert_to_tensor(images),
        lambda images: images.tolist(),
        list,
        lambda images: [keras.ops.convert_to_tensor(images[0]), images[1:]],
        lambda images: iter(images),
    ],
    ids=["tensor", "numbers", "arrays", "mixed", "iterator"],
)
def test_tensors_and_lists_of_arrays_are_arrays_too(digits_model, images, given, tmp_path):
    expected = kerazoo.predict(digits_model, images[:3])
    found = kerazoo.predict(digits_model, given(images[:3]), pictures=tmp_path)
    assert [prediction.source for prediction in found] == ["0", "1", "2"]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.values == pytest.approx(theirs.values, abs=1e-4)
    assert len(list(tmp_path.glob("*.png"))) == 3


@pytest.mark.parametrize("top", [0, -1, "a", 2.0, True])
def test_top_is_a_number_of_labels(digits_model, images, top):
    with pytest.raises(ConfigError, match="`top` must be an integer of 1 or above. Received:"):
        kerazoo.predict(digits_model, images[:1], top=top)


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        (np.zeros((2, 14, 14, 1)), r"\(28, 28, 1\) are expected. Received: \(2, 14, 14, 1\)"),
        (np.full((1, 28, 28, 1), np.nan), "not finite"),
        (np.zeros((0, 28, 28, 1)), "Received: \\(0, 28, 28, 1\\)"),
        (np.array(["text"]), "numbers are expected"),
        ([], "No samples were given"),
        (5, "An array, files or texts are expected.*Received: 5"),
        ([[1.0, 2.0], [3.0]], "no array of numbers"),
        ([None], "numbers are expected"),
        (keras.KerasTensor((1, 28, 28, 1)), "no array of numbers"),
        ("missing.npy", "Cannot read 'missing.npy'"),
    ],
)
def test_what_is_no_sample_is_said_in_one_line(digits_model, inputs, says):
    with pytest.raises(DataError, match=says):
        kerazoo.predict(digits_model, inputs)


def test_pickled_and_damaged_arrays_are_refused(digits_model, tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "several.npz", a=np.zeros(3))
    (tmp_path / "several.npz").rename(tmp_path / "several.npy")
    (tmp_path / "text.npy").write_text("no array")
    for name in ("objects.npy", "several.npy", "text.npy"):
        with pytest.raises(DataError):
            kerazoo.predict(digits_model, tmp_path / name)


def test_texts_are_samples_of_a_model_of_texts(text_model, tmp_path):
    texts = ["A moving film.", "it isn't good"]
    predictions = kerazoo.predict(text_model, texts)
    assert [prediction.source for prediction in predictions] == texts
    assert set(predictions[0].scores) == {"negative", "positive"}
    parse = kerazoo.datasets.info("rt_polarity").parse
    encoded = np.stack([parse(text) for text in texts])
    np.save(tmp_path / "texts.npy", encoded)
    for given in (encoded, tmp_path / "texts.npy"):
        for ours, theirs in zip(predictions, kerazoo.predict(text_model, given), strict=True):
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


@pytest.fixture
def shades():
    """Logits of two classes by brightness: the second above half."""
    inputs = keras.Input((4, 4, 3))
    brightness = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(brightness), name="shades_of_mine")
    model.layers[-1].set_weights([np.full((3, 2), [-4.0, 4.0]), np.array([6.0, -6.0])])
    return model


@pytest.fixture
def light(tmp_path):
    """The path of a light picture."""
    path = tmp_path / "light.png"
    path.write_bytes(tf.io.encode_png(np.full((9, 6, 3), 240, np.uint8)).numpy())
    return path


def test_labels_beside_a_file_are_the_names(shades, light, tmp_path):
    shades.save(tmp_path / "model.keras")
    assert set(kerazoo.predict(tmp_path / "model.keras", light)[0].scores) == {"0", "1"}
    write_labels(tmp_path / "model.keras", ["dark", "light"])
    (prediction,) = kerazoo.predict(str(tmp_path / "model.keras"), str(light))
    assert next(iter(prediction.scores)) == "light"
    logits = shades.predict(np.full((1, 4, 4, 3), 240.0), verbose=0)[0]
    assert list(prediction.scores.values()) == pytest.approx(sorted(softmax(logits))[::-1])
    labels = labels_path(tmp_path / "model.keras")
    for content, says in {
        '["dark"]': "has 2 outputs and 1 labels",
        '["dark", "dark"]': "must hold a list of texts",
        "dark": "Cannot read the labels",
    }.items():
        labels.write_text(content)
        with pytest.raises(DataError, match=says):
            kerazoo.predict(tmp_path / "model.keras", light)


def test_an_exported_file_answers_as_its_model(shades, light, tmp_path):
    kerazoo.export(shades, tmp_path / "x.tflite", labels=["dark", "light"], verify=False)
    kerazoo.export(shades, tmp_path / "plain.tflite", verify=False)
    expected = kerazoo.predict(shades, light)[0]
    (named,) = kerazoo.predict(tmp_path / "x.tflite", light)
    assert named.scores == pytest.approx(
        {"light": expected.scores["1"], "dark": expected.scores["0"]}
    )
    assert named.values == pytest.approx(expected.values, rel=1e-4)
    (plain,) = kerazoo.predict(tmp_path / "plain.tflite", light)
    assert (plain.scores, plain.values) == ({}, pytest.approx(expected.values, rel=1e-4))
    np.save(tmp_path / "light.npy", np.full((2, 4, 4, 3), 240.0))
    loaded = kerazoo.load_tflite(tmp_path / "x.tflite")
    both = kerazoo.predict(loaded, [tmp_path / "light.npy"])
    assert [one.scores for one in both] == [pytest.approx(named.scores)] * 2
    with pytest.raises(ConfigError, match="how a file searches is settled"):
        kerazoo.predict(loaded, light, beams=2)


def test_files_of_the_zoo_have_the_answers_of_their_task(
    digits_model, text_model, images, tmp_path
):
    kerazoo.export("mnist_mlp", tmp_path / "digits.tflite", quantize="int8", verify=False)
    ours = kerazoo.predict(tmp_path / "digits.tflite", images)
    theirs = kerazoo.predict(digits_model, images)
    assert [next(iter(p.scores)) for p in ours] == [next(iter(p.scores)) for p in theirs]
    path = tmp_path / "texts.tflite"
    kerazoo.export(text_model, path, verify=False)
    (ours,), (theirs,) = (kerazoo.predict(given, "A moving film.") for given in (path, text_model))
    assert ours.scores == pytest.approx(theirs.scores, abs=1e-4)


def test_probabilities_of_8_bits_are_no_logits(tmp_path):
    """Of 100 classes their sum misses 1 by up to 0.2."""
    samples = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")
    inputs = keras.Input((8,))
    model = keras.Model(inputs, keras.layers.Dense(100, activation="softmax")(inputs))
    model.layers[-1].set_weights(
        [np.random.default_rng(1).normal(size=(8, 100)), np.linspace(-1, 1, 100)]
    )
    expected = model.predict(samples, verbose=0)
    path = tmp_path / "hundred.tflite"
    labels = [f"label {number}" for number in range(100)]
    kerazoo.export(model, path, quantize="int8", calibration=samples, labels=labels, verify=False)
    sums = kerazoo.load_tflite(path).predict(samples).sum(axis=1)
    assert np.mean(np.abs(sums - 1) > 0.01) > 0.2
    for prediction, row in zip(kerazoo.predict(path, samples, top=1), expected, strict=True):
        assert list(prediction.scores.values()) == pytest.approx([row.max()], abs=0.06)


@pytest.mark.parametrize("quantize", ["model", "int8", "int8_io"])
def test_sigmoids_are_the_probabilities_of_their_labels(quantize, tmp_path):
    """Three labels which do not exclude each other."""
    samples = np.linspace(-2, 2, 32, dtype="float32")[:, None]
    inputs = keras.Input((1,))
    model = keras.Model(inputs, keras.layers.Dense(3, activation="sigmoid")(inputs))
    model.layers[-1].set_weights([np.array([[1.0, -1.0, 2.0]]), np.array([-1.0, 2.0, 0.5])])
    expected, asked = model.predict(samples, verbose=0), model
    if quantize != "model":
        asked, names = tmp_path / "three.tflite", ["0", "1", "2"]
        kerazoo.export(
            model, asked, quantize=quantize, calibration=samples, labels=names, verify=False
        )
    for prediction, row in zip(kerazoo.predict(asked, samples), expected, strict=True):
        scores = [prediction.scores[name] for name in ("0", "1", "2")]
        assert scores == pytest.approx(row, abs=1e-6 if quantize == "model" else 0.03)


@pytest.mark.parametrize("quantize", ["model", "int8"])
def test_logits_from_0_to_1_are_logits(quantize, tmp_path):
    samples = np.linspace(0, 1, 32, dtype="float32")[:, None]
    inputs = keras.Input((1,))
    asked = model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    model.layers[-1].set_weights([np.array([[0.5, 0.3]]), np.array([0.1, 0.0])])
    expected = softmax(model.predict(samples, verbose=0), axis=1)
    if quantize != "model":
        asked = tmp_path / "two.tflite"
        kerazoo.export(
            model, asked, quantize=quantize, calibration=samples, labels=["0", "1"], verify=False
        )
    for prediction, row in zip(kerazoo.predict(asked, samples), expected, strict=True):
        scores = [prediction.scores[name] for name in ("0", "1")]
        assert scores == pytest.approx(row, abs=5e-3)


def test_whole_pixels_are_given_to_a_file_that_takes_them(light, tmp_path):
    inputs = keras.Input((4, 4, 3), dtype="uint8")
    outputs = keras.layers.GlobalAveragePooling2D()(keras.ops.cast(inputs, "float32"))
    kerazoo.export(keras.Model(inputs, outputs), tmp_path / "mean.tflite", verify=False)
    assert kerazoo.load_tflite(tmp_path / "mean.tflite").signature.inputs[0].dtype == "uint8"
    (prediction,) = kerazoo.predict(tmp_path / "mean.tflite", light)
    assert prediction.values == pytest.approx([240.0] * 3)


def test_files_with_several_inputs_are_refused(tmp_path):
    left, right = keras.Input((2,)), keras.Input((2,))
    kerazoo.export(
        keras.Model([left, right], keras.layers.Add()([left, right])),
        tmp_path / "sum.tflite",
        verify=False,
    )
    with pytest.raises(DataError, match="has 2 and 1: call what"):
        kerazoo.predict(tmp_path / "sum.tflite", np.zeros((1, 2)))


def test_text_files_are_read(text_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "note.txt").write_text("\ufeffA moving film.\n", encoding="utf-8")
    from_file, from_text, from_name = kerazoo.predict(
        text_model, ["note.txt", "A moving film.", "absent.txt"]
    )
    assert from_file.source == "note.txt"
    assert from_file.values == pytest.approx(from_text.values, abs=1e-6)
    assert from_name.values != pytest.approx(from_text.values, abs=1e-6)  # no file: a text
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "latin.txt").write_bytes("gro\xdf".encode("latin-1"))
    for given, says in {
        "": "The text '' is empty",
        "empty.txt": "'empty.txt' has no text",
        "latin.txt": "no text in UTF-8",
    }.items():
        with pytest.raises(DataError, match=says):
            kerazoo.predict(text_model, given)
    for name in ("fsdd_keyword", "fsdd_ctc"):
        with pytest.raises(DataError, match="'note.txt' is no plain .wav file"):
            kerazoo.predict(kerazoo.get(name, weights=None, filters=4, blocks=1), "note.txt")


def test_invert_is_for_image_files(digits_model, text_model, images):
    for model, given in ((text_model, "good"), (digits_model, images)):
        with pytest.raises(ConfigError, match="`invert` is for image files"):
            kerazoo.predict(model, given, invert=True)


def test_boxes_are_in_the_pixels_of_the_upright_photograph(tmp_path, monkeypatch):
    pillow = pytest.importorskip("PIL.Image")
    exif = pillow.Exif()
    exif[0x0112] = 6
    pillow.new("RGB", (40, 20)).save(tmp_path / "x.jpg", exif=exif.tobytes())
    height, width = 240, 320
    inputs = keras.Input((height, width, 3))
    cells = keras.layers.Reshape((-1, 8))(keras.layers.Conv2D(8, 1, strides=8)(inputs))
    model = keras.Model(inputs, cells, name="bccd_detector")
    found = np.array([[0, 0, width, height, 0.9, 1]], np.float32)
    monkeypatch.setattr(type(model), "predict", lambda *_, **__: found[None])
    (box,) = kerazoo.predict(model, tmp_path / "x.jpg")[0].boxes
    assert (box.right, box.bottom) == pytest.approx((20, 40))
