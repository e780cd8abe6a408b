"""R-Drop against the paper's formula in NumPy."""

import keras
import numpy as np
import pytest

from kerazoo.errors import ConfigError
from kerazoo.losses import SmoothedCrossentropy
from kerazoo.training.steps import RDrop
from kerazoo.training.steps._symmetric_divergence import SymmetricDivergence
from tests.training.steps.conftest import X, Y, compiled, make_net, softmax


def symmetric_kl(p, q):
    forth, back = np.sum(p * np.log(p / q), axis=-1), np.sum(q * np.log(q / p), axis=-1)
    return (forth + back) / 2


RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 6, 4)) * 3


@pytest.mark.parametrize("from_logits", [True, False])
def test_the_divergence_is_the_mean_of_both_kl(from_logits):
    weight = np.array([1.0, 0.0, 2.0, 1.0, 0.5, 3.0])
    p, q = softmax(A), softmax(B)
    given = (A, B) if from_logits else (p, q)
    divergence = SymmetricDivergence(from_logits)
    assert float(divergence(*given)) == pytest.approx(np.mean(symmetric_kl(p, q)), rel=1e-4)
    weighted = np.mean(weight * symmetric_kl(p, q))
    assert float(divergence(*given, weight)) == pytest.approx(weighted, rel=1e-4)


@pytest.mark.parametrize("from_logits", [True, False])
def test_one_column_is_one_of_two_classes(from_logits):
    p, q = (1 / (1 + np.exp(-values[:, :1])) for values in (A, B))
    given = (A[:, :1], B[:, :1]) if from_logits else (p, q)
    two = [np.concatenate([1 - values, values], axis=1) for values in (p, q)]
    expected = np.mean(symmetric_kl(*two))
    assert float(SymmetricDivergence(from_logits)(*given)) == pytest.approx(expected, rel=1e-4)


def test_masked_steps_do_not_count():
    masked = keras.ops.convert_to_tensor(B[None])
    masked._keras_mask = keras.ops.convert_to_tensor([[True] * 4 + [False] * 2])
    expected = np.mean(symmetric_kl(softmax(A), softmax(B))[:4])
    assert float(SymmetricDivergence(True)(A[None], masked)) == pytest.approx(expected, rel=1e-4)


def test_the_step_is_two_dropout_passes_and_their_divergence():
    net, twin = make_net(dropout=0.5), make_net(dropout=0.5)
    wrapper = compiled(RDrop(net, alpha=3.0, from_logits=True), run_eagerly=True)
    seeds = [v for v in net.variables if "seed" in v.path]
    for theirs, ours in zip([v for v in twin.variables if "seed" in v.path], seeds, strict=True):
        theirs.assign(ours)
    one, two = (np.asarray(twin(X, training=True), "float64") for _ in range(2))
    penalty = float(sum(twin.losses))
    assert np.abs(one - two).max() > 0.1
    nll = [-np.mean(np.log(softmax(logits)[np.arange(len(Y)), Y])) for logits in (one, two)]
    divergence = np.mean(symmetric_kl(softmax(one), softmax(two)))

    logs = wrapper.train_on_batch(X, Y, return_dict=True)
    assert logs["kl_loss"] == pytest.approx(divergence, rel=1e-4)
    assert logs["loss"] == pytest.approx(np.mean(nll) + penalty + 3.0 * divergence, rel=1e-4)
    for theirs, ours in zip([v for v in twin.variables if "seed" in v.path], seeds, strict=True):
        np.testing.assert_array_equal(theirs, ours)  # two masks used up, none twice


def test_it_makes_the_masks_agree():
    losses = {}
    for alpha in (0.0, 5.0):
        wrapper = compiled(RDrop(make_net(dropout=0.5), alpha, from_logits=True))
        history = wrapper.fit(X, Y, batch_size=32, epochs=12, verbose=0).history
        losses[alpha] = history["kl_loss"][-1]
    assert losses[5.0] < losses[0.0] / 2


def several_outputs(**units):
    inputs = keras.Input((4,))
    return keras.Model(
        inputs, [keras.layers.Dense(n, name=name)(inputs) for name, n in units.items()]
    )


BINARY = keras.losses.BinaryCrossentropy(from_logits=True)
SPARSE = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.mark.parametrize(
    ("units", "loss"),
    [
        ({"tags": 3}, BINARY),
        ({"tags": 3}, keras.losses.BinaryFocalCrossentropy(from_logits=True)),
        ({"kind": 3, "tags": 2}, [SPARSE, BINARY]),
        ({"kind": 3, "tags": 2}, {"tags": BINARY, "kind": SPARSE}),
    ],
)
def test_labels_side_by_side_are_no_distribution(units, loss):
    wrapper = RDrop(several_outputs(**units), from_logits=True)
    wrapper.compile("sgd", loss, run_eagerly=True)
    y = [np.zeros((2, n)) if name == "tags" else np.zeros(2) for name, n in units.items()]
    with pytest.raises(ConfigError, match=f"Received: {units['tags']} columns and a binary cross"):
        wrapper.train_on_batch(np.ones((2, 4)), y)


@pytest.mark.parametrize("name", ["bce", "binary_crossentropy", "BinaryCrossentropy"])
def test_names_of_losses_are_read_as_keras_reads_them(name):
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, "sigmoid")])
    x, y = np.ones((2, 4)), np.ones((2, 2))
    for from_logits, says in [(True, "`from_logits` must be"), (False, "Received: 2 columns")]:
        wrapper = RDrop(net, from_logits=from_logits)
        wrapper.compile("sgd", name, run_eagerly=True)
        with pytest.raises(ConfigError, match=says):
            wrapper.train_on_batch(x, y)


@pytest.mark.parametrize("name", ["my_crossentropy", "binary_or_more"])
def test_names_of_losses_of_ones_own_say_nothing(name):
    def own(y_true, y_pred):
        return SPARSE(y_true, y_pred)

    own.__name__ = name
    wrapper = RDrop(several_outputs(kind=3), from_logits=True)
    wrapper.compile("sgd", own, run_eagerly=True)
    assert np.isfinite(wrapper.train_on_batch(np.ones((2, 4)), np.zeros(2))).all()


def test_a_loss_that_takes_nothing_but_logits_says_so_too():
    wrapper = RDrop(several_outputs(kind=3))
    wrapper.compile("sgd", SmoothedCrossentropy(), run_eagerly=True)
    with pytest.raises(ConfigError, match="compiled loss, True. Received: from_logits=False"):
        wrapper.train_on_batch(np.ones((2, 4)), np.zeros(2))


def test_one_column_and_classes_side_by_side_are_fine():
    wrapper = RDrop(several_outputs(kind=3, tag=1), from_logits=True)
    wrapper.compile("sgd", {"tag": BINARY, "kind": SPARSE}, run_eagerly=True)
    y = [np.zeros(2), np.zeros((2, 1))]
    assert np.isfinite(wrapper.train_on_batch(np.ones((2, 4)), y)).all()
