"""Two towers for retrieval: what a user chose, and an item, as vectors that can be compared.

Covington, Adams, Sargin 2016, "Deep neural networks for YouTube recommendations"
(doi:10.1145/2959100.2959190), section 3: a user is what the user chose before, no number, so that
one who was not there in training gets answers too.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers, ops

from kerazoo.argument_checks import check_integers
from kerazoo.layers.cosine_classifier import normalized
from kerazoo.models._arguments import check_counts, check_dropped


def two_tower(
    items: int,
    units: int = 128,
    hidden_units: Sequence[int] = (),
    dropout: float = 0.5,
) -> keras.Model:
    """A history and an item of it in, the user's vector and the item's out, each of length 1.

    The item is taken out of the history first: a user who chose it has to be close to it for the
    sake of the others.

    Args:
        items: how many there are, 1 or more. Inputs: `history` `(batch, items)`, 1 for what the
            user chose, else 0; `item` int `(batch,)`, 0 to `items` - 1.
        units: of a vector, 1 or more. The output is `(batch, 2 * units)`, the user's, then the
            item's.
        hidden_units: each 1 or more, of dense layers with tanh between history and user vector.
        dropout: probability of dropping an item of the history in training, 0 to below 1.

    The layers "user_tower" and "item_tower" are models that answer alone.
    """
    check_counts(items=items, units=units)
    check_dropped(dropout=dropout)
    hidden_units = check_integers("hidden_units", hidden_units)
    history = keras.Input((items,), name="history")
    item = keras.Input((), dtype="int32", name="item")
    others = history * (1 - ops.one_hot(item, items, dtype="float32"))
    user_vector = _user_tower(items, units, hidden_units, dropout)(others)
    item_vector = _item_tower(items, units)(item)
    join = layers.Concatenate(dtype="float32", name="vectors")
    return keras.Model({"history": history, "item": item}, join([user_vector, item_vector]))


def _user_tower(items: int, units: int, hidden_units: Sequence[int], dropout: float) -> keras.Model:
    history = keras.Input((items,), name="history")
    # Not by Keras's layer, of which no history is NaN in float16 and in a .tflite file, and whose
    # slope at zero, where its vector is at first, is 1e12.
    x = normalized(history, axis=-1)
    x = layers.Dropout(dropout, name="dropout")(x)
    for number, width in enumerate(hidden_units, start=1):
        x = layers.Dense(width, activation="tanh", name=f"hidden_{number}")(x)
    x = layers.Dense(units, name="vector")(x)
    vector = normalized(ops.cast(x, "float32"), axis=-1)
    return keras.Model(history, vector, name="user_tower")


def _item_tower(items: int, units: int) -> keras.Model:
    item = keras.Input((), dtype="int32", name="item")
    x = layers.Embedding(items, units, embeddings_initializer="he_normal", name="embedding")(item)
    vector = layers.UnitNormalization(dtype="float32", name="length_1")(x)
    return keras.Model(item, vector, name="item_tower")
