"""Small trainings that must give the same numbers on one device and on many.

`python cases.py STRATEGY[,STRATEGY] FOLDER CASE ...` runs some under one strategy after the other,
and keeps what each gives (nested lists and dicts of numbers and arrays) in FOLDER. Samples are 41
in batches of 8: the last batch has one sample, fewer than replicas; among three, none divides.
"""

import os
import pickle
import sys
import traceback
from pathlib import Path

STRATEGIES, FOLDER = sys.argv[1].split(","), Path(sys.argv[2])

import kerazoo  # noqa: E402


def make_strategy(kind):
    if kind.startswith("mirrored"):
        devices = [f"CPU:{number}" for number in range(int(kind[-1]))]
        return kerazoo.distribute.strategy("mirrored", devices=devices)
    return kerazoo.distribute.strategy(kind)


strategy = make_strategy(STRATEGIES[0])  # before anything else touches TensorFlow

import keras  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
import tensorflow as tf  # noqa: E402

from kerazoo.distribute.workers import Workers  # noqa: E402
from kerazoo.training import Loop, steps  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.normal(size=(41, 8, 8, 1)).astype("float32")
Y = RNG.integers(0, 3, 41)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def dataset():
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(8)


def batches(**kwargs):
    return kerazoo.datasets.Batches(X, Y, batch_size=8, seed=3, **kwargs)


def network(seed=1, **head):
    """With a convolution, which fails on empty batches, and statistics. Without a bias before the
    normalization: its gradient is rounding errors, which Adam makes as large as any other."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3, use_bias=False, name="conv")(inputs)
    x = keras.layers.ReLU(name="relu")(keras.layers.BatchNormalization()(x))
    x = keras.layers.Flatten()(x)
    outputs = keras.layers.Dense(3, kernel_regularizer="l2", **head)(x)
    return keras.Model(inputs, outputs)


def adam(**kwargs):
    return keras.optimizers.Adam(0.01, **kwargs)


def prepared(make=network, optimizer=adam, wrap=lambda model: model, **kwargs):
    """Compiled and prepared in the strategy's scope."""
    kwargs = {"loss": LOSS, "metrics": ["accuracy"], **kwargs}
    with strategy.scope():
        model = wrap(make())
        model.compile(optimizer(), **kwargs)
    return kerazoo.distribute.prepare(model)


def fitted(model, **kwargs):
    history = model.fit(dataset(), epochs=2, verbose=0, **kwargs).history
    return {"history": history, "weights": model.get_weights()}


def looped(model, **kwargs):
    kwargs = {"epochs": 2, "progress": False, **kwargs}
    history = Loop(model).fit(batches(), validation=batches(shuffle=False), **kwargs)
    return {"history": history, "weights": model.get_weights()}


def fit():
    model = prepared(optimizer=lambda: adam(use_ema=True))
    return {
        **fitted(model, validation_data=dataset()),
        "evaluate": model.evaluate(X, Y, batch_size=8, verbose=0),
        "predict": [model.predict(X, batch_size=n, verbose=0) for n in (8, 7, 41)],
    }


def masked():
    """Words of which some are padding, and classes of which one is ignored: no replica has the same
    number of them."""
    numbers = np.random.default_rng(1).integers(1, 5, (41, 6))
    numbers[np.arange(6) >= np.random.default_rng(2).integers(1, 7, (41, 1))] = 0

    def results(loss, mask_zero=False, **kwargs):
        def network():
            keras.utils.set_random_seed(1)
            words = keras.Input((None,), dtype="int32")
            vectors = keras.layers.Embedding(5, 4, mask_zero=mask_zero)(words)
            return keras.Model(words, keras.layers.Dense(5)(vectors))

        model = prepared(network, loss=loss, **kwargs)
        data = tf.data.Dataset.from_tensor_slices((numbers, numbers)).batch(8)
        history = model.fit(data, epochs=2, verbose=0, validation_data=data).history
        return {"history": history, "weights": model.get_weights()}

    ignoring = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=3)
    smoothed = kerazoo.losses.SmoothedCrossentropy(0.1, ignore_class=0)
    with strategy.scope():
        accuracy = kerazoo.metrics.TokenAccuracy(ignore_class=0)
    cut = {  # to lengths which are not the same on replicas: nothing may count padding
        "wrap": lambda model: steps.LengthGroups(model, groups=2),
        "metrics": [accuracy],
    }
    return {
        "mask": results(LOSS, mask_zero=True),
        "class": results(ignoring),
        "groups": results(smoothed, **cut),
    }


def in_batch_negatives():
    """Users meet the items of the whole batch, wherever in it they are."""
    rows = np.random.default_rng(3).integers(0, 9, (41, 2)).astype("float32")
    targets = np.concatenate([rows, 1 + rows[:, 1:]], axis=1)

    def towers():
        keras.utils.set_random_seed(1)
        numbers = keras.Input((2,))
        vectors = [keras.layers.Embedding(9, 4)(numbers[:, column]) for column in (0, 1)]
        return keras.Model(numbers, keras.layers.Concatenate()(vectors))

    loss = kerazoo.losses.InBatchSoftmaxLoss(temperature=0.5)
    model = prepared(towers, loss=loss, metrics=None)
    data = tf.data.Dataset.from_tensor_slices((rows, targets)).batch(8)
    history = model.fit(data, epochs=2, verbose=0, validation_data=data).history
    return {"history": history, "weights": model.get_weights()}


def fit_arrays():
    model = prepared()
    arguments = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}
    weights = np.linspace(0, 1, 41)
    history = model.fit(X, Y, sample_weight=weights, validation_split=0.2, **arguments).history
    return {"history": history, "weights": model.get_weights()}


def weighted_mean():
    """Over weights, whose sums differ between replicas."""
    loss = keras.losses.SparseCategoricalCrossentropy(True, reduction="mean_with_sample_weight")
    weights = np.linspace(0, 1, 41) ** 2
    data = tf.data.Dataset.from_tensor_slices((X, Y, weights)).batch(8)
    model = prepared(loss=loss, optimizer=lambda: keras.optimizers.SGD(0.1))
    history = model.fit(data, epochs=2, verbose=0, validation_data=data).history
    return {"history": history, "weights": model.get_weights()}


def shuffled():
    """By Keras: with one seed all workers have one order; without, the order is refused."""
    model = prepared()
    tf.random.set_seed(None)
    if Workers(strategy).count > 1:
        with pytest.raises(kerazoo.errors.ConfigError, match="set_random_seed"):
            model.fit(X, Y, verbose=0)
    keras.utils.set_random_seed(4)
    history = model.fit(X, Y, batch_size=8, epochs=2, verbose=0).history
    return {"history": history, "weights": model.get_weights()}


class Noise(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator(3)

    def call(self, x):
        return x + keras.random.uniform(keras.ops.shape(x), seed=self.seed_generator)


def draws():
    """Whether samples, on replicas one each, have noise of their own."""

    def mean(_, noise):
        return noise[:, 0]

    def mean_square(_, noise):
        return noise[:, 0] ** 2

    def make():
        return keras.Sequential(
            [keras.Input((1,)), Noise(), keras.layers.Dense(1, trainable=False)]
        )

    model = prepared(make, loss=mean, metrics=[mean, mean_square])
    model.layers[-1].set_weights([np.ones((1, 1)), np.zeros(1)])
    zeros = np.zeros((max(2, strategy.num_replicas_in_sync), 1))
    logs = model.fit(zeros, zeros, shuffle=False, verbose=0).history
    variance = logs["mean_square"][0] - logs["mean"][0] ** 2
    return {"varies": variance > 1e-4, "drawn": model.layers[0].seed_generator.state.numpy()[1]}


def several_steps_per_execution():
    model = prepared(steps_per_execution=4)
    return {
        **fitted(model),
        "evaluate": model.evaluate(X, Y, batch_size=8, verbose=0),
        "predict": model.predict(X, batch_size=8, verbose=0),
    }


def on_batch():
    model = prepared()
    return {
        "train": [model.train_on_batch(X[:n], Y[:n], return_dict=True) for n in (8, 7, 1)],
        "test": model.test_on_batch(X[:5], Y[:5]),
        "predict": model.predict_on_batch(X[:3]),
        "weights": model.get_weights(),
    }


def accumulation():
    def optimizer():
        accumulate = {"gradient_accumulation_steps": 3, "global_clipnorm": 0.1}
        return keras.optimizers.AdamW(0.01, use_ema=True, **accumulate)

    return fitted(prepared(optimizer=optimizer))


def loss_scale():
    def optimizer():
        inner = keras.optimizers.SGD(0.01, clipnorm=0.1, gradient_accumulation_steps=2)
        return keras.optimizers.LossScaleOptimizer(inner, initial_scale=2.0**10)

    return fitted(prepared(optimizer=optimizer))


class OwnStep(keras.Model):
    """As in Keras's guide: no `scale_loss`, and a loss instead of metrics."""

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return {"raw": loss}


def own_step():
    def make():
        keras.utils.set_random_seed(1)
        inputs = keras.Input((8, 8, 1))
        return OwnStep(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(inputs)))

    model = prepared(make, lambda: keras.optimizers.SGD(0.1), metrics=None)
    model.fit(dataset(), epochs=2, verbose=0)
    return {"weights": model.get_weights()}


def loop():
    return looped(prepared(optimizer=lambda: adam(use_ema=True)))


def sharpness_aware():
    return looped(prepared(wrap=lambda model: steps.SharpnessAware(model, rho=0.1)))


def r_drop():
    return looped(prepared(wrap=lambda model: steps.RDrop(model, 0.5, from_logits=True)))


def mean_teacher():
    def wrap(model):
        return steps.MeanTeacher(model, 0.9, consistency_weight=2.0, from_logits=True)

    return looped(prepared(wrap=wrap))


def adversarial():
    def wrap(model):
        return steps.AdversarialTraining(model, epsilon=0.1)

    return looped(prepared(wrap=wrap))


def mixed_samples():
    return looped(prepared(wrap=lambda model: steps.MixedSampleAugment(model, "mixup", alpha=0.0)))


def distiller():
    def wrap(model):
        layers = {"teacher_layer_name": "relu", "student_layer_name": "relu"}
        together = ["dist", {"name": "similarity", **layers}, {"name": "relational", **layers}]
        losses = ["logits", {"name": "features", **layers, "seed": 2}, *together]
        return kerazoo.distill.Distiller(network(seed=5), model, losses)

    return looped(prepared(wrap=wrap))


def quantized(ranges):
    def wrap(model):
        from kerazoo.compress import QuantizationScheme, quantize_aware

        return quantize_aware(model, scheme=QuantizationScheme(ranges=ranges))

    return looped(prepared(wrap=wrap, optimizer=lambda: keras.optimizers.SGD(0.05)))


def quantization_aware():
    return [quantized(ranges) for ranges in ("moving_average", "percentile", "learned")]


class HubModule(tf.Module):
    def __init__(self):
        start = np.linspace(-1, 1, 64 * 5).reshape(64, 5).astype("float32")
        self.kernel = tf.Variable(start, name="kernel")

    @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 1), tf.float32)])
    def __call__(self, x):
        return tf.reshape(x, (-1, 64)) @ self.kernel


def hub_layer():
    folder = FOLDER / f"hub-{os.getpid()}"
    module = HubModule()
    tf.saved_model.save(module, str(folder))

    def make():
        keras.utils.set_random_seed(1)
        inputs = keras.Input((8, 8, 1))
        layer = kerazoo.hub.HubLayer(str(folder), trainable=True)
        return keras.Model(inputs, keras.layers.Dense(3)(layer(inputs)))

    return looped(prepared(make))


def far_from_zero():
    """A normalization of what is far from zero, and of a masked sequence."""

    def make():
        keras.utils.set_random_seed(1)
        inputs = keras.Input((8, 8, 1))
        x = keras.layers.Rescaling(1.0, offset=300.0)(inputs)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.Masking(0.4)(keras.layers.Reshape((8, 8))(keras.layers.ReLU()(x)))
        x = keras.layers.Flatten()(keras.layers.BatchNormalization()(x))
        return keras.Model(inputs, keras.layers.Dense(3)(x))

    return fitted(prepared(make))


def deep_in_double_precision():
    """Where rounding is no excuse: 8 convolutions with normalization, a high learning rate, and
    samples that do not count, of which no replica has the same number."""
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")

    def make():
        keras.utils.set_random_seed(1)
        x = inputs = keras.Input((8, 8, 1))
        for _ in range(8):
            x = keras.layers.Conv2D(8, 3, padding="same", use_bias=False)(x)
            x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
        outputs = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x))
        return keras.Model(inputs, outputs)

    try:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=2)
        return looped(prepared(make, lambda: keras.optimizers.SGD(0.2, momentum=0.9), loss=loss))
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])


def agreement():
    workers = Workers(strategy)
    told = workers.from_chief("Größe" if workers.is_chief else "something else")
    places = workers.gather([workers.index, 1.0])
    assert places.tolist() == [[index, 1.0] for index in range(workers.count)]
    return [ord(letter) for letter in told]


def main():
    global strategy
    for kind in STRATEGIES:
        strategy = strategy if kind == STRATEGIES[0] else make_strategy(kind)
        results = {}
        for name in sys.argv[3:]:
            try:
                results[name] = globals()[name]()
            except Exception:
                results[name] = traceback.format_exc()
        worker = Workers(strategy).index
        (FOLDER / f"{kind}-{worker}.pickle").write_bytes(pickle.dumps(results))


if __name__ == "__main__":
    main()
