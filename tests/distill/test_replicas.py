"""Two replicas give the losses and weights of one device; and any loop may call `train_step`."""

import subprocess
import sys

import pytest

CODE = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
import numpy as np
from kerazoo import distill

def net(width, seed):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((6, 6, 2))
    x = keras.layers.Conv2D(width, 3, activation="relu", name="conv")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    outputs = keras.layers.Dense(3, kernel_regularizer=keras.regularizers.L2(0.01))(x)
    return keras.Model(inputs, outputs)

rng = np.random.default_rng(0)
x, y = rng.normal(size=(16, 6, 6, 2)).astype("float32"), rng.integers(0, 3, 16)
data = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
teacher = net(5, seed=0)
data_with_outputs = distill.cache_teacher(teacher, data, layers=["conv"])

def distiller(contrast):
    losses = ["logits", "decoupled", distill.FeatureDistillation("conv", "conv", seed=2),
              distill.AttentionTransfer("conv", "conv"),
              distill.ContrastiveRepresentation("conv", "conv", units=4, memory_size=8)]
    made = distill.Distiller(teacher, net(3, seed=1), losses, loss_weights=[1, 1, 1, 1, contrast])
    made.compile(
        keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return made

def by_fit(made, data, strategy):
    history = made.fit(data, epochs=2, verbose=0, validation_data=data).history
    return [history[name] for name in sorted(history)]

def by_loop(made, data, strategy):
    @tf.function
    def step(batch):
        return strategy.run(made.train_step, args=(batch,))
    made.evaluate(data.take(1), verbose=0)  # makes the variables of metrics
    made.optimizer.build(made.trainable_variables)
    values = []
    for epoch in range(2):
        made.reset_metrics()
        for batch in strategy.experimental_distribute_dataset(data):
            step(batch)
        logs = made.get_metrics_result()
        values.append([float(logs[name]) for name in ("loss", "student_loss", "distillation_loss")])
    return values

one = tf.distribute.OneDeviceStrategy("CPU:0")
two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

def results(strategy, run, data, contrast):
    with strategy.scope():
        made = distiller(contrast)
        losses = run(made, data, strategy)
        return losses, made.student.get_weights()

for run, dataset in ((by_fit, data_with_outputs), (by_loop, data)):
    (losses, weights), (others, other_weights) = (
        results(strategy, run, dataset, contrast=0) for strategy in (one, two)
    )
    np.testing.assert_allclose(losses, others, rtol=1e-5)
    for a, b in zip(weights, other_weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
assert np.isfinite(results(two, by_loop, data, contrast=1)[0]).all()
"""


@pytest.mark.usefixtures("tensorflow_backend")
def test_two_replicas_train_as_one_device():
    """In a process of its own, since devices are fixed once TensorFlow has started. Losses that
    look at a sample by itself are equal; the contrast depends on who shares a replica."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
