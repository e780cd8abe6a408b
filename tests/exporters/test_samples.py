"""Random inputs: in the range that the model can take, or a clear word where there are none."""

import keras
import numpy as np
import pytest
from keras import layers

import kerazoo.exporters as exporters
from kerazoo.compress import quantize_aware
from kerazoo.errors import DataError
from kerazoo.exporters.interface import describe
from kerazoo.exporters.samples import random_samples


def reader(dtype):
    """Reads words by their indices, 0..6."""
    return keras.Sequential(
        [keras.Input((5,), dtype=dtype), layers.Embedding(7, 3), layers.Flatten(), layers.Dense(2)]
    )


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_embeddings_are_given_indices_that_they_have(tmp_path, dtype):
    model = reader(dtype)
    samples, words = random_samples(model, describe(model), 50)
    assert samples["input"].dtype == dtype
    assert sorted(np.unique(samples["input"])) == list(range(7))
    assert words == "random inputs (integers 0..6)"
    report = exporters.export(model, tmp_path / "m.keras")
    assert report.max_abs_error == 0


def test_an_embedding_in_a_wrapper_is_given_indices_too():
    model = quantize_aware(reader("float32"))
    samples, words = random_samples(model, describe(model), 50)
    assert sorted(np.unique(samples["input"])) == list(range(7))
    assert words == "random inputs (integers 0..6)"


def test_numbers_beside_indices_are_normal():
    values, indices = keras.Input((4,), name="values"), keras.Input((5,), dtype="int32", name="ids")
    embedded = layers.Flatten()(layers.Embedding(7, 3)(indices))
    model = keras.Model([values, indices], layers.Concatenate()([values, embedded]))
    samples, _ = random_samples(model, describe(model), 500)
    assert abs(samples["values"].mean()) < 0.1
    assert samples["values"].std() == pytest.approx(1, abs=0.1)
    assert samples["ids"].max() == 6


def test_texts_are_not_compared(tmp_path):
    inputs = keras.Input((1,), dtype="string", name="text")
    read = layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=4)
    model = keras.Model(inputs, layers.Embedding(4, 3)(read(inputs)))
    path = tmp_path / "m.keras"
    with pytest.raises(DataError, match=r"'text' takes texts.*verify=False"):
        exporters.export(model, path)
    with pytest.raises(DataError, match=r"'text' takes texts.*verify=False"):
        exporters.export(model, path, calibration=np.array([["a b"], ["b"]]))
    assert list(tmp_path.iterdir()) == []
    exporters.export(model, path, verify=False)
    texts = keras.ops.convert_to_tensor([["a b"], ["b"]])
    loaded = keras.saving.load_model(path)
    np.testing.assert_array_equal(loaded(texts), model(texts))
