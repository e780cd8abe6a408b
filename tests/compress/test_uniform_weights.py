"""tfmot's testPassingModelWithUniformWeightsToPCQAT and testPassingNonPrunedModelToPCQAT."""

import keras
import numpy as np
import pytest
from keras import layers

from kerazoo.compress import cluster, prune, quantize_aware, strip

pytestmark = pytest.mark.usefixtures("tensorflow_backend")
IMAGES = np.random.default_rng(0).normal(size=(16, 6, 6, 2)).astype("float32")


def model_with(kernel_initializer):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(4, 3, kernel_initializer=kernel_initializer, name="conv"),
            layers.Flatten(),
            layers.Dense(3, kernel_initializer=kernel_initializer, name="head"),
        ]
    )


def trained(model, eagerly=False):
    model.compile("sgd", "mse", run_eagerly=eagerly)
    model.train_on_batch(IMAGES, np.ones((16, 3)))
    return model


@pytest.mark.parametrize(
    ("initializer", "is_pruned"),
    [
        ("ones", True),
        ("glorot_uniform", False),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (("ones", False), ("zeros", True))
        ),
    ],
)
def test_zeros_and_few_values_after_all_three(initializer, is_pruned):
    model = model_with(initializer)
    model = trained(prune(model, sparsity=0.5), eagerly=True) if is_pruned else model
    quantized = trained(quantize_aware(cluster(model, clusters=4)))
    for name in ("conv", "head"):
        kernel = strip(quantized).get_layer(name).kernel.numpy()
        assert np.isfinite(kernel).all()
        assert len(np.unique(kernel)) <= 4
        assert not is_pruned or (kernel == 0).mean() >= 0.5
