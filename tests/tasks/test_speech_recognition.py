"""Speech recognition: from logits of frames to words, figures, pictures and files."""

import keras
import numpy as np
import pytest
from scipy.io import wavfile

import kerazoo
from kerazoo.tasks import find_task
from kerazoo.tasks.speech_recognition import greedy_words

TASK = find_task("speech-recognition")
DATA = kerazoo.datasets.info("fsdd_strings")


def logits_of(path, classes=11):
    return 5.0 * np.eye(classes, dtype="float32")[list(path)]


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return kerazoo.get("fsdd_ctc", weights=None, filters=8, blocks=1)


def test_greedy_words_are_those_of_keras_decoder():
    logits = np.random.default_rng(0).normal(size=(50, 30, 4)).astype("float32")
    (decoded,), _ = keras.ops.ctc_decode(logits, np.full(50, 30), "greedy", mask_index=0)
    for row, expected in zip(logits, keras.ops.convert_to_numpy(decoded), strict=True):
        assert [word for word, _ in greedy_words(row)] == [n for n in expected if n > 0]


def test_words_have_the_middle_of_their_frames():
    words = greedy_words(logits_of([0, 3, 3, 0, 3, 2, 2, 2, 2, 0]))
    assert words == [(3, pytest.approx(0.2)), (3, pytest.approx(0.45)), (2, pytest.approx(0.7))]
    assert greedy_words(logits_of([0, 0])) == []


def test_the_word_error_rate_is_jiwers():
    jiwer = pytest.importorskip("jiwer")
    rng = np.random.default_rng(0)
    paths = rng.integers(0, 11, (20, 12))
    targets = np.array(
        [[*rng.integers(1, 11, length), *[0] * (7 - length)] for length in [3, 7, 5, 4] * 5]
    )
    outputs = np.stack([logits_of(path) for path in paths])
    said = [" ".join(str(n - 1) for n in target if n) for target in targets]
    heard = [TASK.prediction("", output, DATA, top=1).text for output in outputs]
    expected = jiwer.wer(said, heard)
    assert TASK.score(outputs, targets, DATA)["word_error_rate"] == pytest.approx(expected)
    assert expected > 0.5


def test_the_answer_is_what_was_heard():
    output = logits_of([0, 8, 8, 0, 8, 1])
    assert TASK.prediction("a.wav", output, DATA, top=1).text == "7 7 0"
    assert TASK.prediction("a.wav", output, None, top=1).text == "8 8 1"


def test_words_are_drawn_under_their_frames():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    axes = figure.add_subplot()
    TASK.draw(axes, np.zeros(16_000, "float16"), logits_of([0, 4, 0, 10]), DATA)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["3", "9"]
    np.testing.assert_allclose(axes.get_xticks(), [0.375, 0.875])
    assert axes.get_title() == "2.0 seconds: 3 9"


def test_a_wav_file_is_asked_and_arrays_are_judged(model, tmp_path):
    samples = np.random.default_rng(0).integers(-9000, 9000, 20_000).astype(np.int16)
    wavfile.write(tmp_path / "code.wav", 8000, samples)
    (answer,) = kerazoo.predict(model, tmp_path / "code.wav")
    padded = np.pad(samples, (0, 28_000))[None].astype("float32") / 32768
    expected = [DATA.text([n]) for n, _ in greedy_words(model.predict(padded, verbose=0)[0])]
    assert answer.text == " ".join(expected)
    metrics = kerazoo.evaluate(model, (padded, np.array([[1, 2, 3, 0, 0, 0, 0]])))
    assert metrics.keys() == {"loss", "word_error_rate"}


def test_the_file_gives_the_models_logits(model, tmp_path):
    waves = np.random.default_rng(0).normal(0, 0.1, (3, 48_000)).astype("float16")
    report = kerazoo.export(
        model, tmp_path / "digits.tflite", quantize="float16", calibration=waves
    )
    file = kerazoo.load_tflite(report.path)
    np.testing.assert_allclose(
        np.asarray(file.predict(waves.astype("float32"))),
        model.predict(waves, verbose=0),
        atol=2e-2,
    )
