"""Saving and loading, in every form that TensorFlow knows, an old Saver's checkpoint among them.

python examples/saving_and_loading.py
"""

import keras
import numpy as np
import tensorflow as tf

import kerazoo

images, _ = kerazoo.datasets.load_numpy("digits", "test")
images = images[:20]
model = kerazoo.get("mnist_mlp")
expected = model.predict(images, verbose=0)


def report(form: str, outputs: np.ndarray) -> None:
    print(f"{form:26} differs by {np.abs(outputs - expected).max():.1e}")


def fresh() -> keras.Model:
    return kerazoo.get("mnist_mlp", weights=None)


def from_saver() -> keras.Model:
    """What a TensorFlow 1 program left: variables by name, made here by the old `Saver`."""
    values = [weight.numpy() for weight in model.weights]
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for number, value in enumerate(values):
            name = f"layer_{number // 2}/{'wb'[number % 2]}"
            tf.compat.v1.get_variable(name, initializer=value)
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, "old/model.ckpt")
    return kerazoo.convert.from_tf1_checkpoint("old/model.ckpt", fresh())


if __name__ == "__main__":
    model.save("model.keras")  # architecture, weights, optimizer
    report(".keras", keras.saving.load_model("model.keras").predict(images, verbose=0))

    model.save_weights("model.weights.h5")  # weights alone
    other = fresh()
    other.load_weights("model.weights.h5")
    report(".weights.h5", other.predict(images, verbose=0))

    checkpoint = tf.train.Checkpoint(model=model)  # what TensorFlow's own tools read
    path = checkpoint.save("checkpoints/model")
    other = fresh()
    tf.train.Checkpoint(model=other).restore(path).expect_partial()
    report("tf.train.Checkpoint", other.predict(images, verbose=0))

    kerazoo.export(model, "saved_model")  # a program: needs no Python code of ours
    program = tf.saved_model.load("saved_model")
    report("SavedModel", program.serve(images.astype("float32")).numpy())

    kerazoo.export(model, "model.tflite")  # for phones
    report(".tflite", kerazoo.load_tflite("model.tflite")(images))

    report("tf.compat.v1.train.Saver", from_saver().predict(images, verbose=0))
