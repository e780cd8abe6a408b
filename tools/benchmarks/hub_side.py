"""One side of the suite "hub" (hub.py), in a process of its own.

    python -m benchmarks.hub_side make FOLDER STEPS      write the SavedModel, by Keras 2
    python -m benchmarks.hub_side kerazoo FOLDER STEPS   train it by HubLayer in Keras 3
    python -m benchmarks.hub_side peer FOLDER STEPS      train it by hub.KerasLayer in Keras 2

The last two train STEPS steps for each line on stdin, and answer with seconds and losses.
"""

from __future__ import annotations

import os
import sys
import time
from types import SimpleNamespace
from typing import Any

from benchmarks.hub import BATCH, SIZE

CLASSES = 10


def make(folder: str) -> None:
    """Five blocks of depthwise and pointwise convolutions, 0.15 million weights."""
    import tf_keras

    layers, decay = tf_keras.layers, tf_keras.regularizers.L2(1e-4)
    tf_keras.utils.set_random_seed(0)
    inputs = x = tf_keras.Input((SIZE, SIZE, 3))
    for width, stride in ((32, 2), (64, 1), (128, 2), (256, 2), (384, 1)):
        x = layers.DepthwiseConv2D(3, stride, "same", use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
        x = layers.Conv2D(width, 1, use_bias=False, kernel_regularizer=decay)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    model = tf_keras.Model(inputs, layers.GlobalAveragePooling2D()(x))
    model.save(f"{folder}/model", save_format="tf")


def compiled(side: str, folder: str) -> Any:
    """The SavedModel under a head of zeros, compiled."""
    if side == "kerazoo":
        import keras

        from kerazoo.hub import HubLayer

        layer = HubLayer(f"{folder}/model", trainable=True)
    else:
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
        from packaging.version import parse

        # tensorflow_hub 0.16.1 takes one function of it; setuptools 81 and later do not bring it.
        sys.modules.setdefault("pkg_resources", SimpleNamespace(parse_version=parse))
        import tensorflow_hub
        import tf_keras as keras

        layer = tensorflow_hub.KerasLayer(f"{folder}/model", trainable=True)
    inputs = keras.Input((SIZE, SIZE, 3))
    head = keras.layers.Dense(CLASSES, kernel_initializer="zeros")
    model = keras.Model(inputs, head(layer(inputs)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss)
    return model


def answer(model: Any, steps: int) -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.normal(size=(steps, BATCH, SIZE, SIZE, 3)).astype("float32")
    y = rng.integers(0, CLASSES, (steps, BATCH))
    for _ in sys.stdin:
        start, losses = time.perf_counter(), []
        for images, labels in zip(x, y, strict=True):
            model.reset_metrics()
            losses.append(float(model.train_on_batch(images, labels)))
        print(time.perf_counter() - start, *losses, flush=True)


if __name__ == "__main__":
    what, folder, steps = sys.argv[1:]
    make(folder) if what == "make" else answer(compiled(what, folder), int(steps))
