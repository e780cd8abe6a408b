"""What kerazoo and Keras write themselves is found to be safe."""

import keras
import pytest

import kerazoo

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tensorflow_backend")]


def test_exported_and_saved_models(tmp_path):
    for name in ("small.keras", "small.tflite", "small"):
        kerazoo.export("mnist_mlp", tmp_path / name)
        assert kerazoo.verify(tmp_path / name).findings == ()
    layers = [keras.Input((28, 28, 1)), kerazoo.hub.HubLayer(tmp_path / "small")]
    model = keras.Sequential(layers)
    model.save(tmp_path / "carrying.keras")
    report = kerazoo.verify(tmp_path / "carrying.keras")
    assert report.is_safe, str(report)
    for name in ("mnist_cnn", "mnist1d_gru", "timeseries_forecaster", "mr_text_cnn"):
        model = kerazoo.get(name, weights=None)
        model.save(tmp_path / f"{name}.keras")
        model.save(tmp_path / f"{name}.h5")
        model.save_weights(tmp_path / f"{name}.weights.h5")
    assert kerazoo.verify(tmp_path).is_safe, str(kerazoo.verify(tmp_path))
