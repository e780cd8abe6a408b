"""The networks for sentences against the same arithmetic in NumPy."""

import numpy as np
import pytest
from scipy.special import expit

import kerazoo
from kerazoo.datasets import rt_polarity
from kerazoo.models.text_cnn import text_cnn
from kerazoo.models.text_lstm import text_lstm
from kerazoo.zoo.catalogue import find_config

SENTENCES = np.array(
    [[3, 1, 4, 1, 5, 0, 0, 0], [2, 6, 5, 3, 5, 8, 9, 7], [9, 0, 0, 0, 0, 0, 0, 0]], np.int32
)


def weights_of(model):
    return {variable.path: np.asarray(variable, "float64") for variable in model.weights}


def test_cnn_is_convolution_maximum_and_sum():
    model = text_cnn((8,), 2, vocabulary_size=10, embedding_units=5, kernel_sizes=(3, 4), filters=6)
    w = weights_of(model)
    for words, outputs in zip(SENTENCES, model.predict(SENTENCES, verbose=0), strict=True):
        vectors, maxima = w["embedding/embeddings"][words], []
        for size in (3, 4):
            padded = np.pad(vectors, [((size - 1) // 2, size // 2), (0, 0)])
            maps = [
                np.einsum("tc,tcf->f", padded[at : at + size], w[f"conv_{size}/kernel"])
                for at in range(8)
            ]
            maxima.append(np.maximum(np.max(maps, axis=0) + w[f"conv_{size}/bias"], 0))
        expected = np.concatenate(maxima) @ w["logits/kernel"] + w["logits/bias"]
        np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_a_width_may_come_again():
    model = text_cnn((8,), 2, vocabulary_size=10, kernel_sizes=(3, 4, 3), filters=2)
    names = [layer.name for layer in model.layers if layer.name.startswith("conv")]
    assert names == ["conv_3", "conv_4", "conv_3_2"]


def test_the_heads_weights_stay_within_their_limit():
    model = text_cnn((8,), 2, vocabulary_size=10, max_norm=0.5)
    model.compile("sgd", "mse")
    model.get_layer("logits").kernel.assign(np.full((300, 2), 1.0))
    model.train_on_batch(SENTENCES, np.zeros((3, 2)))
    lengths = np.linalg.norm(model.get_layer("logits").kernel.numpy(), axis=0)
    np.testing.assert_allclose(lengths, 0.5, rtol=1e-4)


def test_word_dropout_leaves_out_whole_words():
    model = text_cnn((8,), 2, vocabulary_size=10, embedding_units=5, word_dropout=0.5)
    outputs = model.get_layer("word_dropout")(np.ones((40, 8, 5), "float32"), training=True)
    outputs = np.asarray(outputs)
    assert set(np.unique(outputs)) == {0.0, 2.0}
    assert (outputs == outputs[:, :, :1]).all()
    assert (outputs[:, :1] != outputs).any()


def lstm(vectors, kernel, recurrent, bias):
    """States of an LSTM over `vectors`, `(words, units)`; gates i, f, c, o side by side."""
    state, cell, states = np.zeros(recurrent.shape[0]), np.zeros(recurrent.shape[0]), []
    for vector in vectors:
        i, f, c, o = np.split(vector @ kernel + state @ recurrent + bias, 4)
        cell = expit(f) * cell + expit(i) * np.tanh(c)
        state = expit(o) * np.tanh(cell)
        states.append(state)
    return np.array(states)


@pytest.mark.parametrize("unroll", [False, True])
def test_lstm_reads_both_ways_and_takes_no_maximum_of_padding(unroll):
    model = text_lstm((8,), 2, vocabulary_size=10, embedding_units=4, units=3, unroll=unroll)
    w = weights_of(model)
    for words, outputs in zip(SENTENCES, model.predict(SENTENCES, verbose=0), strict=True):
        vectors, states = w["embedding/embeddings"][words], []
        for way, step in (("forward", 1), ("backward", -1)):
            prefix = f"both_ways/{way}_lstm/lstm_cell/"
            parts = [w[prefix + part] for part in ("kernel", "recurrent_kernel", "bias")]
            in_order = lstm(vectors[::step], *parts)[::step]
            states.append(in_order[words > 0].max(axis=0))
        expected = np.concatenate(states) @ w["logits/kernel"] + w["logits/bias"]
        np.testing.assert_allclose(outputs, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["mr_text_cnn", "mr_text_lstm"])
def test_the_zoos_networks_have_a_vector_for_each_word_of_the_list(name):
    arguments = find_config(name).model.arguments
    assert arguments["vocabulary_size"] == len(rt_polarity.vocabulary())
    assert arguments["input_shape"] == [rt_polarity.LENGTH]


def test_a_file_of_the_lstm_needs_builtin_operators_only(tmp_path):
    words = np.array([[3, 0], [2, 6]], np.int32)
    model = text_lstm((2,), 2, vocabulary_size=10, embedding_units=4, units=3)
    report = kerazoo.export(model, tmp_path / "lstm.tflite", calibration=words)
    assert not [name for name in report.ops if name.upper().startswith("FLEX")]
    outputs = kerazoo.load_tflite(report.path).predict(words)
    np.testing.assert_allclose(outputs, model.predict(words, verbose=0), atol=1e-5)
