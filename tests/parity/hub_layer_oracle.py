"""What tensorflow_hub's `hub.KerasLayer` does in Keras 2, for comparison with HubLayer.

    python hub_layer_oracle.py FOLDER DATA.npz OUT.json

Makes a SavedModel of Keras 2 in FOLDER, with BatchNormalization and weight decay, trains it by
`hub.KerasLayer` for as many steps as DATA has batches, and writes the losses and the outputs.
"""

import json
import os
import sys
from types import SimpleNamespace

import numpy as np
from packaging.version import parse


def make(folder):
    import tf_keras

    tf_keras.utils.set_random_seed(3)
    decay = tf_keras.regularizers.L2(1e-3)
    model = tf_keras.Sequential(
        [
            tf_keras.layers.Conv2D(
                8, 3, 2, kernel_regularizer=decay, input_shape=(12, 12, 3), name="stem"
            ),
            tf_keras.layers.BatchNormalization(name="norm"),
            tf_keras.layers.ReLU(),
            tf_keras.layers.DepthwiseConv2D(3, depthwise_regularizer=decay, name="depthwise"),
            tf_keras.layers.GlobalAveragePooling2D(),
        ]
    )
    model.save(folder, save_format="tf")


def train(folder, data):
    import tensorflow_hub as hub
    import tf_keras

    layer = hub.KerasLayer(folder, trainable=True)
    head = tf_keras.layers.Dense(4)
    model = tf_keras.Sequential([tf_keras.layers.InputLayer((12, 12, 3)), layer, head])
    head.set_weights([data["kernel"], data["bias"]])
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf_keras.optimizers.Adam(0.01), loss)
    losses = [float(model.train_on_batch(x, y)) for x, y in zip(data["x"], data["y"], strict=True)]
    return losses, model.predict(data["x"][0], verbose=0)


if __name__ == "__main__":
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    # tensorflow_hub 0.16.1 takes one function of it, and setuptools 81 and later do not bring it.
    sys.modules.setdefault("pkg_resources", SimpleNamespace(parse_version=parse))
    folder, data, out = sys.argv[1:]
    make(folder)
    losses, outputs = train(folder, np.load(data))
    with open(out, "w") as file:
        json.dump({"losses": losses, "outputs": outputs.tolist()}, file)
