"""tfmot's side of the suite "compress": run by a Python that has tfmot, in a process of its own.

The network is mnist_cnn without its division by 255, which tfmot's quantization does not know.
Prints {"float": [seconds of each round], "qat": ..., "prune": ..., "cluster": ...} as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # before TensorFlow: tfmot knows Keras 2 only

import numpy as np
import tensorflow_model_optimization as tfmot
import tf_keras
from tf_keras import layers

CLUSTERS, SPARSITY = 16, 0.8


def main(file: str, rounds: int) -> None:
    with np.load(file) as arrays:
        x, y = (arrays["x"] / 255).astype("float32"), arrays["y"]
    models = {name: make(network()) for name, make in METHODS.items()}
    callbacks = {"prune": [tfmot.sparsity.keras.UpdatePruningStep()]}
    for model in models.values():
        model.compile("adam", tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    times: dict[str, list[float]] = {name: [] for name in models}
    for number in range(rounds + 1):
        order = list(models.items())
        first = number % len(order)
        for name, model in order[first:] + order[:first]:
            start = time.perf_counter()
            model.fit(
                x, y, batch_size=128, shuffle=False, verbose=0, callbacks=callbacks.get(name, [])
            )
            if number:
                times[name].append(time.perf_counter() - start)
    print(json.dumps(times))


def network() -> tf_keras.Model:
    return tf_keras.Sequential(
        [
            tf_keras.Input((28, 28, 1)),
            layers.Conv2D(32, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(1024, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10),
        ]
    )


def prune(model: tf_keras.Model) -> tf_keras.Model:
    schedule = tfmot.sparsity.keras.PolynomialDecay(0.0, SPARSITY, 0, 10_000)
    return tfmot.sparsity.keras.prune_low_magnitude(model, schedule)


def cluster(model: tf_keras.Model) -> tf_keras.Model:
    kind = tfmot.clustering.keras.CentroidInitialization.KMEANS_PLUS_PLUS
    return tfmot.clustering.keras.cluster_weights(model, CLUSTERS, kind)


METHODS = {
    "float": lambda model: model,
    "qat": tfmot.quantization.keras.quantize_model,
    "prune": prune,
    "cluster": cluster,
}

if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
