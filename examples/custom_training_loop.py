"""A training loop of one's own: gradients by hand, and what kerazoo's `Loop` adds to it.

    python examples/custom_training_loop.py

Both take the same steps. The losses that they print differ a little, since by hand it is the mean
over batches, of which the last is smaller than the others, and in `Loop` the mean over images.
"""

import keras
import tensorflow as tf

import kerazoo

images, labels = kerazoo.datasets.load_numpy("digits", "test")
BATCHES = kerazoo.datasets.Batches(images[:1400], labels[:1400], batch_size=64, seed=0)


def new_model() -> keras.Model:
    """The zoo's small network with fresh weights, the same ones at each call."""
    keras.utils.set_random_seed(0)
    return kerazoo.get("mnist_mlp", weights=None, compile=False)


def by_hand(model: keras.Model, epochs: int) -> None:
    """Forward, backward, update: the whole of training."""
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    for epoch in range(epochs):
        losses = [step(x, y) for x, y in BATCHES.starting_at(epoch).take(len(BATCHES))]
        print(f"by hand, epoch {epoch + 1}: loss {float(tf.reduce_mean(losses)):.4f}")


def by_loop(model: keras.Model, epochs: int) -> None:
    """The same steps, with checkpoints: killed at any step, it goes on from there, bit for bit."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    loop = kerazoo.training.Loop(model, checkpoints="loop", checkpoint_every=10)
    history = loop.fit(BATCHES, epochs=epochs, progress=False)
    print("by Loop, loss of each epoch:", [round(value, 4) for value in history["loss"]])


def accuracy(model: keras.Model) -> float:
    predicted = model.predict(images[1400:], verbose=0).argmax(-1)
    return float((predicted == labels[1400:]).mean())


if __name__ == "__main__":
    first, second = new_model(), new_model()
    by_hand(first, epochs=3)
    by_loop(second, epochs=3)
    print(f"accuracy by hand {accuracy(first):.3f}, by Loop {accuracy(second):.3f}")

    third = new_model()
    step = kerazoo.training.steps.SharpnessAware(third, rho=0.05)  # another step in the same loop
    step.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    kerazoo.training.Loop(step).fit(BATCHES, epochs=3, progress=False)
    print(f"accuracy with sharpness-aware steps {accuracy(third):.3f}")
