"""Transfer learning: a published SavedModel as a frozen layer, and a new head on top.

    python examples/transfer_learning_from_hub.py

With a network, a handle of tfhub.dev or Kaggle does as well as the folder that is made here.
"""

import keras
import numpy as np

import kerazoo

# A module as Hub has them: pixels in, features out. ImageNet weights come with kerazoo.
backbone = kerazoo.hub.backbone("efficientnet_lite0", input_shape=(64, 64, 3))
features = keras.layers.GlobalAveragePooling2D()(backbone.output)
module = keras.Model(backbone.input, features)
kerazoo.export(module, "module", verify=False)

images, labels = kerazoo.datasets.load_numpy("digits", "test")
images = np.repeat(images[:, 2:26, 2:26], 3, axis=-1)[:600]  # grey to colour
images = np.asarray(keras.ops.image.resize(images.astype("float32"), (64, 64)))
labels, train, test = labels[:600], slice(0, 400), slice(400, None)


def classifier(**arguments) -> keras.Model:
    inputs = keras.Input((64, 64, 3))
    x = kerazoo.hub.HubLayer("module", **arguments)(inputs)
    return keras.Model(inputs, keras.layers.Dense(10)(keras.layers.BatchNormalization()(x)))


if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    model = classifier()
    hub_layer = model.layers[1]
    print(f"frozen: {len(hub_layer.weights)} variables, {len(hub_layer.trainable_weights)} trained")

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(5e-3), loss, metrics=["accuracy"])
    model.fit(images[train], labels[train], epochs=6, batch_size=32, verbose=0)
    accuracy = model.evaluate(images[test], labels[test], verbose=0)[1]
    print(f"features of photographs tell digits apart: {accuracy:.1%} right after 400 examples")

    model.save("classifier.keras")  # carries the module
    kerazoo.hub.trust("classifier.keras")  # it is a program: loading one takes a word
    again = keras.saving.load_model("classifier.keras")
    apart = np.abs(again.predict(images[:8], verbose=0) - model.predict(images[:8], verbose=0))
    print(f"saved, loaded, differs by {apart.max():.0e}")
