"""Two replicas: what equals one device, what is of each replica, and the rest of the data."""

import subprocess
import sys

import pytest

START = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
import numpy as np
from kerazoo import distill

def net(width, seed):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((6, 6, 2))
    # Of positions by themselves: TensorFlow's Conv2D fails on an empty batch.
    x = keras.layers.Dense(width, activation="relu", name="conv")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    outputs = keras.layers.Dense(3, kernel_regularizer=keras.regularizers.L2(0.01))(x)
    return keras.Model(inputs, outputs)

rng = np.random.default_rng(0)
x, y = rng.normal(size=(16, 6, 6, 2)).astype("float32"), rng.integers(0, 3, 16)
data = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
teacher = net(5, seed=0)
one = tf.distribute.OneDeviceStrategy("CPU:0")
two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
"""

ALONE = (
    START
    + """
data_with_outputs = distill.cache_teacher(teacher, data, layers=["conv"])

def distiller():
    losses = ["logits", "decoupled", distill.FeatureDistillation("conv", "conv", seed=2),
              distill.AttentionTransfer("conv", "conv")]
    made = distill.Distiller(teacher, net(3, seed=1), losses)
    made.compile(keras.optimizers.SGD(0.1), cross_entropy, metrics=["accuracy"])
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

def results(strategy, run, data):
    with strategy.scope():
        made = distiller()
        losses = run(made, data, strategy)
        return losses, made.student.get_weights()

for run, dataset in ((by_fit, data_with_outputs), (by_loop, data)):
    (losses, weights), (others, other_weights) = (
        results(strategy, run, dataset) for strategy in (one, two)
    )
    np.testing.assert_allclose(losses, others, rtol=1e-5)
    for a, b in zip(weights, other_weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
"""
)

TOGETHER = (
    START
    + """
names = ["dist", *({"name": name, "teacher_layer_name": "conv", "student_layer_name": "conv"}
                   for name in ("similarity", "relational"))]
contrast = {"name": "contrastive", "teacher_layer_name": "conv", "student_layer_name": "conv",
            "units": 4, "memory_size": 6}

def distiller(loss, rate=0.0):
    made = distill.Distiller(teacher, net(3, seed=1), loss, student_loss_weight=0)
    made.compile(keras.optimizers.SGD(rate))
    return made

def on(made, rows):
    batch = tf.data.Dataset.from_tensor_slices((x[rows], y[rows])).batch(8)
    return made.fit(batch, verbose=0).history["distillation_loss"][0]

first, second, third, fourth = (slice(i, i + 4) for i in range(0, 16, 4))
for name in [*names, contrast]:
    with two.scope():
        both = distiller(name)
    measured = [on(both, slice(0, 8)), on(both, slice(8, 16))]
    left, right = distiller(name), distiller(name)
    expected = [on(left, first), on(right, second)]
    for layer, other in zip(left.loss_layers, right.loss_layers):
        other.set_weights(layer.get_weights())  # the first replica's memory
    expected += [on(left, third), on(right, fourth)]
    means = [sum(expected[:2]) / 2, sum(expected[2:]) / 2]
    np.testing.assert_allclose(measured, means, rtol=1e-5, err_msg=str(name))
    for layer, other in zip(left.loss_layers, both.loss_layers):
        for a, b in zip(layer.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
"""
)

REMAINDER = (
    START
    + """
layers = {"teacher_layer_name": "conv", "student_layer_name": "conv"}
every = ["logits", "decoupled", "dist",
         *({"name": name, **layers}
           for name in ("features", "attention", "similarity", "relational")),
         {"name": "contrastive", "units": 4, "memory_size": 6, **layers}]
nine = tf.data.Dataset.from_tensor_slices((x[:9], y[:9])).batch(8)

def train(strategy, losses, rate):
    with strategy.scope():
        made = distill.Distiller(teacher, net(3, seed=1), losses)
        made.compile(keras.optimizers.SGD(rate), cross_entropy)
    history = made.fit(nine, epochs=2, verbose=0).history
    return history, made.get_weights()

history, weights = train(two, every, 0.1)
assert all(np.isfinite(values).all() for values in [*history.values(), *weights])
alone = every[:2] + [{**every[3], "seed": 2}, every[4]]
expected, _ = train(one, alone, 0.0)
measured, _ = train(two, alone, 0.0)
for name in ("student_loss", "distillation_loss"):
    np.testing.assert_allclose(measured[name], expected[name], rtol=1e-5, err_msg=name)
"""
)


@pytest.mark.slow  # each case starts TensorFlow anew
@pytest.mark.usefixtures("tensorflow_backend")
@pytest.mark.parametrize(
    "code",
    [
        pytest.param(ALONE, id="alone"),
        pytest.param(TOGETHER, id="together", marks=pytest.mark.release),
        pytest.param(REMAINDER, id="rest", marks=pytest.mark.release),
    ],
)
def test_two_replicas(code):
    """In a process of its own, since devices are fixed once TensorFlow has started.

    In Keras's own `fit`. Alone: losses that look at a sample by itself train as on one device.
    Together: losses that depend on who shares a replica are the mean of those of the two halves of
    a batch, and the memory of contrastive distillation is the first replica's. (After
    `kerazoo.distribute.prepare` all but that are one device's: tests/distribute.) Rest: a replica
    that receives nothing of the last batch makes nothing NaN, and counts nothing.
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
