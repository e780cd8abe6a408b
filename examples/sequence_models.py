"""Sequence to sequence: a recurrent encoder and decoder, with attention, learn to sort letters.

    python examples/sequence_models.py

Read a word, write its letters in the order of the alphabet. Short enough to train in a minute.
"""

import keras
import numpy as np
from keras import layers, ops

LETTERS = "abcdefgh"
LENGTH, START = 8, len(LETTERS) + 1  # 0 is padding
rng = np.random.default_rng(0)


def words(count: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Words of 3 to 8 letters; the decoder sees the answer one step late."""
    source = rng.integers(1, len(LETTERS) + 1, (count, LENGTH))
    source[np.arange(LENGTH) >= rng.integers(3, LENGTH + 1, (count, 1))] = 0
    key = np.where(source == 0, 99, source)
    target = np.where(np.sort(key, axis=1) == 99, 0, np.sort(key, axis=1))
    prefix = np.concatenate([np.full((count, 1), START), target[:, :-1]], axis=1)
    return {"source": source, "prefix": prefix}, target


def network(width: int = 48) -> keras.Model:
    source, prefix = (keras.Input((LENGTH,), name=name) for name in ("source", "prefix"))
    embed = layers.Embedding(len(LETTERS) + 2, width)
    states, *last = layers.Bidirectional(
        layers.GRU(width, return_sequences=True, return_state=True)
    )(embed(source))
    begin = layers.Dense(width, activation="tanh")(ops.concatenate(last, axis=-1))
    written = layers.GRU(width, return_sequences=True)(embed(prefix), initial_state=begin)
    seen = layers.Attention()([layers.Dense(width)(written), layers.Dense(width)(states)])
    logits = layers.Dense(len(LETTERS) + 1)(ops.concatenate([written, seen], axis=-1))
    return keras.Model({"source": source, "prefix": prefix}, logits)


def write(model: keras.Model, source: np.ndarray) -> np.ndarray:
    """Greedy decoding: each letter is the likeliest one after those already written."""
    prefix = np.zeros_like(source)
    prefix[:, 0] = START
    for step in range(LENGTH):
        logits = model.predict_on_batch({"source": source, "prefix": prefix})
        if step + 1 < LENGTH:
            prefix[:, step + 1] = logits[:, step].argmax(-1)
    return np.concatenate([prefix[:, 1:], logits[:, -1:].argmax(-1)], axis=1)


def text(row: np.ndarray) -> str:
    return "".join(LETTERS[letter - 1] for letter in row if 0 < letter <= len(LETTERS))


if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    model = network()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(4e-3), loss, metrics=["accuracy"])
    inputs, targets = words(8000)
    model.fit(inputs, targets, epochs=8, batch_size=128, verbose=0)

    inputs, targets = words(500)
    written = write(model, inputs["source"])
    for row in range(4):
        print(f"{text(inputs['source'][row]):8} -> {text(written[row])}")
    right = (written == targets).all(axis=1).mean()
    print(f"whole words right: {right:.1%}")
