"""A layer of one's own: swish with a slope that is learned, serializable, on any backend.

python examples/custom_layer.py
"""

import keras
import numpy as np
from keras import ops

import kerazoo


@keras.saving.register_keras_serializable(package="examples")
class LearnedSwish(keras.layers.Layer):
    """x * sigmoid(slope * x), one slope for each channel (Ramachandran et al. 2017)."""

    def __init__(self, initial_slope: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.initial_slope = initial_slope

    def build(self, input_shape):
        self.slope = self.add_weight(
            shape=(input_shape[-1],),
            initializer=keras.initializers.Constant(self.initial_slope),
            name="slope",
        )

    def call(self, inputs):
        return inputs * ops.sigmoid(self.slope * inputs)

    def get_config(self):
        return {**super().get_config(), "initial_slope": self.initial_slope}


if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    images, labels = kerazoo.datasets.load_numpy("digits", "test")
    train, test = slice(0, 1400), slice(1400, None)

    inputs = keras.Input((28, 28, 1))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    for filters in (16, 32):
        x = keras.layers.Conv2D(filters, 3, strides=2)(x)
        x = kerazoo.layers.SqueezeExcite(ratio=0.25)(LearnedSwish()(x))  # among kerazoo's layers
    x = keras.layers.Flatten()(x)
    model = keras.Model(inputs, keras.layers.Dense(10)(x))

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    model.fit(images[train], labels[train], epochs=8, batch_size=32, verbose=0)
    accuracy = model.evaluate(images[test], labels[test], verbose=0)[1]
    slopes = next(np.asarray(w) for w in model.weights if w.name == "slope")
    print(f"accuracy {accuracy:.3f}; slopes were 1, are {slopes.min():.2f} to {slopes.max():.2f}")

    model.save("swish.keras")
    again = keras.saving.load_model("swish.keras", safe_mode=True)
    same = np.allclose(again.predict(images[:5], verbose=0), model.predict(images[:5], verbose=0))
    print(f"loaded in safe mode, same outputs: {same}")
    print(f"TFLite operators: {sorted(kerazoo.export(model, 'swish.tflite').ops)}")
