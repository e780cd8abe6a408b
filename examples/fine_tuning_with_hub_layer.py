"""Fine-tuning: the last layers of a published SavedModel are trained along with the head.

    python examples/fine_tuning_with_hub_layer.py

Which variables are trained is said by patterns of their names. `kerazoo.fine_tune` does all of it
in one call, for networks of the zoo, of Keras and of Hub.

The accuracies do not differ by more than chance: 300 images to train on are few, and on 1,497 test
images the standard error is 0.6 points.
"""

import keras

import kerazoo

network = kerazoo.get("mnist_cnn", compile=False)
body = keras.Model(network.input, network.layers[-3].output)  # without dropout and the last layer
kerazoo.export(body, "module", verify=False)

images, labels = kerazoo.datasets.load_numpy("digits", "test")
is_even, train, test = (labels % 2 == 0).astype(int), slice(0, 300), slice(300, None)


def train_and_judge(**arguments) -> str:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((28, 28, 1))
    layer = kerazoo.hub.HubLayer("module", **arguments)
    model = keras.Model(inputs, keras.layers.Dense(2)(layer(inputs)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-4), loss, metrics=["accuracy"])
    model.fit(images[train], is_even[train], epochs=4, batch_size=32, verbose=0)
    accuracy = model.evaluate(images[test], is_even[test], verbose=0)[1]
    return f"{len(layer.trainable_weights)} of {len(layer.weights)} variables: {accuracy:.1%}"


if __name__ == "__main__":
    names = kerazoo.hub.HubLayer("module").variable_names
    print("variables:", ", ".join(names))
    print("even or odd, head alone,      ", train_and_judge())
    print("even or odd, the last layer,  ", train_and_judge(trainable=[names[-2], names[-1]]))
    print("even or odd, all of it,       ", train_and_judge(trainable=True))

    result = kerazoo.fine_tune(
        "mnist_cnn", (images[train], is_even[train]), epochs=4, progress=False
    )
    accuracy = kerazoo.evaluate(result.model, (images[test], is_even[test]))["accuracy"]
    print(f"kerazoo.fine_tune: {accuracy:.1%}, with a report in {result.run_dir}")
