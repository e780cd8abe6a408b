"""Networks for sequences against NumPy, and against the sizes that MNIST-1D's paper gives."""

import numpy as np
import pytest

from kerazoo.models.sequence_cnn import sequence_cnn
from kerazoo.models.sequence_rnn import sequence_rnn


def weights_of(model):
    return {variable.path: np.asarray(variable, "float64") for variable in model.weights}


def test_the_papers_convolutional_network_has_5210_weights():
    assert sequence_cnn((40, 1), 10).count_params() == 5210


def test_the_papers_gru_has_5134_weights():
    # Two ways of 3 gates with 1 + 6 inputs and two biases; 10 classes from 40 x 12 states.
    assert 2 * 3 * 6 * (1 + 6 + 2) + 10 * (40 * 12 + 1) == 5134
    assert sequence_rnn((40, 1), 10, units=(6,), unroll=False).count_params() == 5134


def test_convolutions_step_over_time():
    model = sequence_cnn((8, 2), 3, filters=(4,), kernel_sizes=(3,))
    w = weights_of(model)
    sequence = np.random.default_rng(0).normal(size=(2, 8, 2)).astype("float32")
    for steps, outputs in zip(sequence, model.predict(sequence, verbose=0), strict=True):
        padded = np.pad(steps, [(0, 1), (0, 0)])  # "same" with strides of 2
        features = [
            np.einsum("tc,tcf->f", padded[at : at + 3], w["conv_1/kernel"][0])
            for at in range(0, 8, 2)
        ]
        features = np.maximum(features + w["conv_1/bias"], 0).reshape(-1)
        expected = features @ w["logits/kernel"] + w["logits/bias"]
        np.testing.assert_allclose(outputs, expected, atol=1e-5)


@pytest.mark.parametrize("unroll", [False, True])
def test_simple_cells_are_elmans(unroll):
    model = sequence_rnn((5, 2), 3, cell="simple", units=(4, 3), bidirectional=False, unroll=unroll)
    w = weights_of(model)
    sequence = np.random.default_rng(1).normal(size=(2, 5, 2)).astype("float32")
    for steps, outputs in zip(sequence, model.predict(sequence, verbose=0), strict=True):
        states = steps
        for layer in ("simple_1", "simple_2"):
            cell = f"{layer}/simple_rnn_cell/"
            state, passed = np.zeros(w[cell + "bias"].shape), []
            for step in states:
                into = step @ w[cell + "kernel"] + state @ w[cell + "recurrent_kernel"]
                state = np.tanh(into + w[cell + "bias"])
                passed.append(state)
            states = np.array(passed)
        expected = states.reshape(-1) @ w["logits/kernel"] + w["logits/bias"]
        np.testing.assert_allclose(outputs, expected, atol=1e-5)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_loop_and_steps_in_a_row_give_the_same(cell):
    loop = sequence_rnn((6, 2), 3, cell=cell, units=(4,), unroll=False)
    row = sequence_rnn((6, 2), 3, cell=cell, units=(4,), unroll=True)
    row.set_weights(loop.get_weights())
    sequence = np.random.default_rng(2).normal(size=(3, 6, 2)).astype("float32")
    np.testing.assert_allclose(
        row.predict(sequence, verbose=0), loop.predict(sequence, verbose=0), atol=1e-5
    )
