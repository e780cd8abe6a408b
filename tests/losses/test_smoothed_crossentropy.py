"""Smoothed crossentropy against PyTorch's and Keras's own, gradients too."""

import keras
import numpy as np
import pytest

from kerazoo.errors import ConfigError, DataError
from kerazoo.losses import SmoothedCrossentropy


def some(shape=(4, 6), classes=9, ignored=0.3, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random(shape) < ignored, 0, rng.integers(1, classes, shape))
    return labels, rng.normal(0, 3, (*shape, classes)).astype("float32")


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
@pytest.mark.parametrize("ignore_class", [None, 0, 3])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum"])
def test_is_pytorchs(smoothing, ignore_class, reduction):
    torch = pytest.importorskip("torch")
    labels, logits = some()
    expected = torch.nn.functional.cross_entropy(
        torch.tensor(logits.reshape(-1, 9)),
        torch.tensor(labels.reshape(-1)),
        label_smoothing=smoothing,
        ignore_index=-100 if ignore_class is None else ignore_class,
        reduction="sum" if reduction == "sum" else "mean",
    )
    loss = SmoothedCrossentropy(smoothing, ignore_class, reduction=reduction)
    assert float(loss(labels, logits)) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_without_an_ignored_class_it_is_keras_of_one_hot_labels(smoothing):
    labels, logits = some()
    dense = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    expected = float(dense(np.eye(9, dtype="float32")[labels], logits))
    assert float(SmoothedCrossentropy(smoothing)(labels, logits)) == pytest.approx(
        expected, rel=1e-5
    )


def test_it_trains_as_pytorch_does():
    """A step of gradient descent on the logits themselves."""
    torch = pytest.importorskip("torch")
    labels, logits = some()
    own = torch.tensor(logits, requires_grad=True)
    torch.nn.functional.cross_entropy(
        own.reshape(-1, 9), torch.tensor(labels.reshape(-1)), label_smoothing=0.1, ignore_index=0
    ).backward()
    layer = keras.layers.Embedding(4, 6 * 9, weights=[logits.reshape(4, -1)])
    rows = keras.Input((), dtype="int32")
    model = keras.Model(rows, keras.layers.Reshape((6, 9))(layer(rows)))
    model.compile(keras.optimizers.SGD(1.0), SmoothedCrossentropy(0.1, ignore_class=0))
    model.fit(np.arange(4), labels, batch_size=4, verbose=0)
    moved = logits - keras.ops.convert_to_numpy(layer.embeddings).reshape(logits.shape)
    np.testing.assert_allclose(moved, own.grad.numpy(), atol=1e-6)


def test_what_is_ignored_need_be_no_class():
    labels, logits = some()
    expected = float(SmoothedCrossentropy(0.1, ignore_class=0)(labels, logits))
    labels = np.where(labels == 0, 255, labels)
    assert float(SmoothedCrossentropy(0.1, ignore_class=255)(labels, logits)) == pytest.approx(
        expected, rel=1e-6
    )


def test_nothing_but_padding_costs_nothing():
    loss = SmoothedCrossentropy(0.1, ignore_class=0)
    assert float(loss(np.zeros((2, 3), "int32"), some((2, 3))[1])) == 0.0


def test_config_has_every_argument():
    loss = SmoothedCrossentropy(0.3, ignore_class=2, name="mine", reduction="sum", dtype="bfloat16")
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert again.get_config() == loss.get_config()
    assert again.dtype == loss.dtype == "bfloat16"
    labels, logits = some()
    assert float(again(labels, logits)) == float(loss(labels, logits))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"smoothing": 1.0}, "smoothing"),
        ({"smoothing": -0.1}, "smoothing"),
        ({"ignore_class": -1}, "ignore_class"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, named):
    with pytest.raises(ConfigError, match=f"`{named}`"):
        SmoothedCrossentropy(**arguments)


def test_shapes_that_do_not_fit_are_one_line():
    with pytest.raises(DataError, match=r"y_pred \(batch, ..., classes\). Received: \(5, 4\)"):
        SmoothedCrossentropy()(np.zeros((5, 4)), np.zeros((5, 4)))
