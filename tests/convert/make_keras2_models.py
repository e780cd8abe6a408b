"""Makes keras2_models/: a model as tf_keras saves it, in its three formats, and its outputs.

    python tests/convert/make_keras2_models.py

Made with tf_keras 2.21 and TensorFlow 2.21. The model holds what Keras 3 does differently: a shared
and a frozen model within, TensorFlow functions between layers, Keras 2's hard sigmoid, attention,
wrapped and recurrent layers, a separable and a depthwise convolution, several inputs and outputs.
"""

import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras

layers = tf_keras.layers
FOLDER = Path(__file__).parent / "keras2_models"


def mixed_model():
    """Two inputs, two outputs, about 1,500 weights."""
    image = tf_keras.Input((8, 8, 3), name="image")
    words = tf_keras.Input((5,), dtype="int32", name="words")
    block = tf_keras.Sequential(
        [
            tf_keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.Activation("hard_sigmoid"),
            layers.DepthwiseConv2D(3, name="depthwise"),
            layers.SeparableConv2D(2, 3, name="separable"),
            layers.LeakyReLU(0.1),
        ],
        name="block",
    )
    block.get_layer("norm").trainable = False
    x = layers.Flatten()(block(image, training=False) + block(image * 2.0 - 1.0))
    embedded = layers.Embedding(11, 6, name="embedding")(words)
    forth_and_back = layers.Bidirectional(
        layers.LSTM(3, return_sequences=True, recurrent_activation="hard_sigmoid"), name="lstm"
    )(embedded)
    attended = layers.MultiHeadAttention(2, 3, name="attention")(forth_and_back, forth_and_back)
    each = layers.TimeDistributed(layers.Dense(2), name="each")(forth_and_back)
    x = layers.Concatenate(name="all")(
        [
            x,
            layers.GRU(4, name="gru")(attended),
            tf.reduce_mean(each, axis=1),
            forth_and_back[:, 0, :3],
        ]
    )
    x = layers.LayerNormalization(name="scaled/norm")(x)
    shared = layers.Dense(4, name="shared")
    x = shared(shared(layers.Dense(4, name="first")(x)))
    outputs = {
        "logits": layers.Dense(2, activation="swish", name="logits")(x),
        "share": tf.nn.softmax(x),
    }
    return tf_keras.Model([image, words], outputs, name="mixed")


def main():
    model = mixed_model()
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.1, 0.9, value.shape) for value in model.get_weights()])
    inputs = [rng.normal(size=(3, 8, 8, 3)), rng.integers(0, 11, (3, 5))]
    outputs = model.predict([inputs[0].astype("float32"), inputs[1]], verbose=0)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    model.save(FOLDER / "mixed.h5")
    model.save(FOLDER / "mixed.keras")
    model.save(FOLDER / "mixed", save_format="tf", save_traces=False)
    model.save_weights(FOLDER / "mixed.weights.h5")
    np.savez_compressed(FOLDER / "mixed.npz", image=inputs[0], words=inputs[1], **outputs)


if __name__ == "__main__":
    main()
