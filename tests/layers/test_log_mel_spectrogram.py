"""LogMelSpectrogram against tf.signal, and against the pitch of a pure tone."""

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.errors import ConfigError, DataError
from kerazoo.layers import LogMelSpectrogram

SETTINGS = [
    {"rate": 8000},
    {"rate": 16000, "frame_length": 400, "frame_step": 160, "bands": 64, "lowest": 60.0},
    {"rate": 8000, "frame_length": 256, "frame_step": 100, "bands": 20, "highest": 3000.0},
]


@pytest.mark.parametrize("arguments", SETTINGS)
def test_numbers_are_those_of_tf_signal(arguments):
    signal = pytest.importorskip("tensorflow").signal
    waves = np.random.default_rng(0).normal(0, 0.1, (3, 2000)).astype("float32")
    layer = LogMelSpectrogram(**arguments, floor=1e-5)
    size = 2 ** int(np.ceil(np.log2(layer.frame_length)))
    power = np.abs(signal.stft(waves, layer.frame_length, layer.frame_step, size)) ** 2
    mel = signal.linear_to_mel_weight_matrix(
        layer.bands, size // 2 + 1, layer.rate, layer.lowest, layer.highest or layer.rate / 2
    )
    expected = np.log(power @ np.asarray(mel) + 1e-5)
    outputs = keras.ops.convert_to_numpy(layer(waves))
    assert outputs.shape == expected.shape == layer.compute_output_shape(waves.shape)
    np.testing.assert_allclose(outputs, expected, atol=1e-3)


@pytest.mark.parametrize("hertz", [300, 1000, 2500])
def test_a_tone_is_in_the_band_of_its_pitch(hertz):
    layer = LogMelSpectrogram(8000, frame_length=512, bands=20)
    tone = np.sin(2 * np.pi * hertz * np.arange(2000) / 8000).astype("float32")
    loudest = keras.ops.convert_to_numpy(layer(tone[None]))[0].argmax(axis=-1)
    mel = 2595 * np.log10(1 + np.array([20, hertz, 4000]) / 700)
    expected = (mel[1] - mel[0]) / (mel[2] - mel[0]) * 21 - 1
    assert np.all(np.abs(loudest - expected) <= 1)


def test_silence_is_the_logarithm_of_the_floor():
    outputs = keras.ops.convert_to_numpy(LogMelSpectrogram(8000, floor=1e-4)(np.zeros((1, 300))))
    np.testing.assert_allclose(outputs, np.log(1e-4), rtol=1e-5)


@pytest.mark.usefixtures("tensorflow_backend")
def test_the_file_gives_the_numbers_of_the_layer(tmp_path):
    inputs = keras.Input((1000,))
    model = keras.Model(inputs, LogMelSpectrogram(8000)(inputs))
    report = kerazoo.export(model, tmp_path / "mel.tflite")
    assert not [name for name in report.ops if "FLEX" in name.upper()]
    waves = np.random.default_rng(1).normal(0, 0.1, (4, 1000)).astype("float32")
    outputs = kerazoo.load_tflite(report.path).predict(waves)
    np.testing.assert_allclose(outputs, model.predict(waves, verbose=0), atol=1e-3)


def test_digits_are_kept_in_mixed_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = LogMelSpectrogram(8000)
    finally:
        keras.config.set_dtype_policy(before)
    assert layer.compute_dtype == "float32"


def test_the_waveform_is_not_rounded_whatever_the_dtype_of_the_result():
    """Rounded to bfloat16, a tone would be noise in all other bands."""
    tone = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(600) / 8000).astype("float32")[None]
    expected = keras.ops.convert_to_numpy(LogMelSpectrogram(8000, floor=1e-7)(tone))
    outputs = LogMelSpectrogram(8000, floor=1e-7, dtype="mixed_bfloat16")(tone)
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    outputs = keras.ops.convert_to_numpy(keras.ops.cast(outputs, "float32"))
    np.testing.assert_allclose(outputs, expected, rtol=1e-2)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"rate": 0}, "`rate` must be an integer of 1"),
        ({"rate": 8000, "frame_length": 1}, "`frame_length`"),
        ({"rate": 8000, "lowest": 5000}, "`lowest`.*below 4000"),
        ({"rate": 8000, "lowest": 100, "highest": 50}, "`highest`.*above 100"),
        ({"rate": 8000, "floor": 0}, "`floor`.*above 0"),
        ({"rate": 8000, "bands": 200}, "`bands`=200 are too narrow"),
    ],
)
def test_arguments_out_of_range_are_named(arguments, says):
    with pytest.raises(ConfigError, match=says):
        LogMelSpectrogram(**arguments)


@pytest.mark.parametrize("shape", [(2, 199), (2, 300, 1)])
def test_what_is_no_waveform_is_refused(shape):
    with pytest.raises(DataError, match="200 samples or more"):
        LogMelSpectrogram(8000)(np.zeros(shape))
