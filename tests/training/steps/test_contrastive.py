"""NT-Xent against the paper's formula in NumPy, and what pre-training is for: better features."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import LogisticRegression

from kerazoo.errors import ConfigError
from kerazoo.training.steps import Contrastive
from kerazoo.training.steps._nt_xent import nt_xent
from tests.training.steps.conftest import X, compiled, fit, make_net, noise


def by_the_formula(z, temperature):
    """The loss of each of 2 N views; i and i + N are views of one sample."""
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    s = np.exp(z @ z.T / temperature)
    count = len(z)
    return np.array(
        [-np.log(s[i, (i + count // 2) % count] / (s[i].sum() - s[i, i])) for i in range(count)]
    )


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
def test_nt_xent_is_the_formula(temperature):
    z = np.random.default_rng(0).normal(size=(12, 5))
    losses, _ = nt_xent(z, temperature)
    np.testing.assert_allclose(losses, by_the_formula(z, temperature), rtol=1e-4)


def test_projections_without_direction_have_no_slope():
    z = np.random.default_rng(0).normal(size=(6, 5)).astype("float32")
    z[1] = 0
    projections = tf.Variable(z)
    with tf.GradientTape() as tape:
        losses, _ = nt_xent(projections, 0.5)
    slope = tape.gradient(losses, projections).numpy()
    assert np.isfinite(slope).all()
    assert slope.any(axis=1).tolist() == [True, False, True, True, True, True]


def test_hits_are_views_whose_other_view_is_nearest():
    first = np.eye(4)
    _, hits = nt_xent(np.concatenate([first, first[[1, 0, 2, 3]] + 0.01]), 0.1)
    np.testing.assert_array_equal(hits, [0, 0, 1, 1] * 2)


def test_a_step_takes_two_views_through_encoder_and_head():
    net, head = make_net(), keras.layers.Dense(4)
    weight = np.linspace(0.5, 2.0, len(X))
    wrapper = compiled(Contrastive(net, head, noise(), 0.3), run_eagerly=True)
    twin = noise()
    views = np.concatenate([twin(X, training=True), twin(X, training=True)])
    assert np.abs(views[: len(X)] - views[len(X) :]).max() > 0.1
    losses = by_the_formula(np.asarray(head(net(views)), "float64"), 0.3)
    penalty = float(sum(net.losses))
    logs = wrapper.train_on_batch(X, sample_weight=weight, return_dict=True)
    expected = np.mean(losses * np.tile(weight, 2)) + penalty
    assert logs["loss"] == pytest.approx(expected, rel=1e-4)


def test_it_trains_from_samples_alone_and_evaluates():
    wrapper = compiled(Contrastive(make_net(), keras.layers.Dense(4), noise(), 0.3))
    data = tf.data.Dataset.from_tensor_slices(X).batch(32)
    before = wrapper.evaluate(data, verbose=0, return_dict=True)
    history = wrapper.fit(data, epochs=8, verbose=0, validation_data=data).history
    assert set(history) == {
        "loss", "contrastive_accuracy", "val_loss", "val_contrastive_accuracy"
    }  # fmt: skip
    assert history["val_loss"][-1] < before["loss"]
    assert history["val_contrastive_accuracy"][-1] > before["contrastive_accuracy"]


def test_evaluating_changes_no_later_training():
    """Evaluated first and between epochs: the augmentation is built and its seeds stay."""
    histories = []
    for validation_data in (None, X):
        keras.utils.set_random_seed(0)
        views = keras.Sequential([noise(), keras.layers.Dropout(0.3, seed=4)])
        wrapper = Contrastive(make_net(), keras.layers.Dense(4), views, 0.3)
        compiled(wrapper, run_eagerly=True)
        if validation_data is not None:
            first, again = (wrapper.evaluate(X, verbose=0, return_dict=True) for _ in range(2))
            assert first == again
        histories.append(fit(wrapper, y=None, validation_data=validation_data))
    assert set(histories[1]) > set(histories[0])
    for key, values in histories[0].items():
        assert histories[1][key] == values, key


@pytest.mark.parametrize(
    "given", [{"loss": "mse"}, {"metrics": ["accuracy"]}, {"weighted_metrics": ["accuracy"]}]
)
def test_losses_and_metrics_are_refused(given):
    wrapper = Contrastive(make_net(), keras.layers.Dense(4), noise())
    with pytest.raises(ConfigError, match="must be compiled without loss and metrics"):
        wrapper.compile("sgd", **given)


@pytest.mark.slow
def test_a_linear_probe_does_better_on_pretrained_features(digits):
    (x, y), (x_test, y_test) = digits
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(16, 5, strides=2, activation="relu"),
            keras.layers.Conv2D(32, 3, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(32, activation="relu"),
        ]
    )
    augmentation = keras.Sequential(
        [
            keras.layers.RandomTranslation(0.1, 0.1, fill_mode="constant", seed=1),
            keras.layers.RandomRotation(0.06, fill_mode="constant", seed=2),
            keras.layers.RandomZoom(0.15, fill_mode="constant", seed=3),
        ]
    )

    def probe():
        """Accuracy of a linear classifier on the features, from 100 labels."""
        features = encoder.predict(x[:100], verbose=0), encoder.predict(x_test, verbose=0)
        classifier = LogisticRegression(max_iter=2000).fit(features[0], y[:100])
        return classifier.score(features[1], y_test)

    before = probe()
    head = keras.Sequential([keras.Input((32,)), keras.layers.Dense(32)])
    wrapper = Contrastive(encoder, head, augmentation, temperature=0.2)
    wrapper.compile(keras.optimizers.Adam(2e-3))
    wrapper.fit(x, batch_size=256, epochs=5, verbose=0)
    after = probe()
    assert after > before + 0.03
