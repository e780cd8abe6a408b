"""Pruning through `kerazoo.training.Loop`, and on two devices."""

import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

from kerazoo.compress import PolynomialDecay, prune


def pruned_model():
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [keras.Input((8,)), keras.layers.Dense(8), keras.layers.Dropout(0.2), keras.layers.Dense(1)]
    )
    schedule = PolynomialDecay(0.0, 0.75, begin_step=1, end_step=9, frequency=2)
    pruned = prune(model, schedule=schedule)
    pruned.compile(keras.optimizers.SGD(0.05, momentum=0.9), "mse")
    return pruned


def test_a_loop_that_was_stopped_ends_as_the_unbroken_one(tmp_path, tensorflow_backend):
    from kerazoo.datasets import Batches
    from kerazoo.training import Loop

    x = np.random.default_rng(0).normal(size=(24, 8)).astype("float32")
    batches = Batches(x, x[:, :1], batch_size=8)
    unbroken = pruned_model()
    Loop(unbroken).fit(batches, epochs=4, progress=False)

    class StopAtStep5(keras.callbacks.Callback):
        steps = 0

        def on_train_batch_end(self, batch, logs=None):
            self.steps += 1
            if self.steps == 5:
                raise KeyboardInterrupt

    folder = tmp_path / "checkpoints"
    with pytest.raises(KeyboardInterrupt):
        Loop(pruned_model(), checkpoints=folder, checkpoint_every=2).fit(
            batches, epochs=4, progress=False, callbacks=[StopAtStep5()]
        )
    resumed = pruned_model()
    Loop(resumed, checkpoints=folder).fit(batches, epochs=4, progress=False)
    for one, other in zip(unbroken.weights, resumed.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    assert (resumed.layers[0].layer.kernel.numpy() == 0).mean() == 0.75


MIRRORED = """
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
from kerazoo.compress import PolynomialDecay, cluster, prune

def train(strategy):
    with strategy.scope():
        keras.utils.set_random_seed(0)
        layers = [keras.Input((8,)), keras.layers.Dense(8), keras.layers.Dense(1)]
        schedule = PolynomialDecay(0.0, 0.75, begin_step=0, end_step=4, frequency=2)
        model = prune(keras.Sequential(layers), schedule=schedule)
        model = cluster(model, clusters=4) if CLUSTERED else model
        model.compile(keras.optimizers.SGD(0.1), "mse")
    x = np.random.default_rng(0).normal(size=(24, 8)).astype("float32")
    model.fit(x, x[:, :1], batch_size=8, epochs=2, shuffle=False, verbose=0)
    with strategy.scope():
        model.fit(x, x[:, :1], batch_size=8, epochs=1, shuffle=False, verbose=0)
    return model

one = train(tf.distribute.get_strategy())
two = train(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
for ours, theirs in zip(one.weights, two.weights, strict=True):
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-6)
for local in two.layers[0].layer.kernel.value.values:  # on each device
    assert (local.numpy() == 0).mean() == 0.75
    assert not CLUSTERED or len(np.unique(local.numpy())) <= 4
print("equal")
"""


@pytest.mark.slow
@pytest.mark.parametrize("is_clustered", [False, True])
def test_two_devices_prune_and_cluster_as_one(tensorflow_backend, is_clustered):
    code = textwrap.dedent(MIRRORED).replace("CLUSTERED", str(is_clustered))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip().endswith("equal"), done.stderr[-2000:]
