"""A bidirectional LSTM for sentences (Hochreiter, Schmidhuber 1997; Schuster, Paliwal 1997)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers, ops

from kerazoo.models._arguments import check_counts, check_dropped, check_shape
from kerazoo.models._head import classifier_head


def text_lstm(
    input_shape: Sequence[int],
    num_classes: int,
    vocabulary_size: int,
    embedding_units: int = 128,
    units: int = 128,
    dropout: float = 0.5,
    unroll: bool = True,
    classifier_activation: str | None = None,
) -> keras.Model:
    """Word vectors, an LSTM in each direction, the largest state over all words, a dense head.

    States over time are pooled by their maximum, as Conneau et al. 2017, arXiv:1705.02364, found
    best for sentences. Padding is read like a word, but counts in no maximum. A Keras mask would do
    harm: Keras 3.15.1 lays it the wrong way round over an unrolled layer that reads backwards.

    Args:
        input_shape: (words,), which may be None without `unroll`; int32 word numbers in, 0 after
            the sentence's end.
        num_classes: width of the output, `(batch, num_classes)` logits.
        vocabulary_size: word numbers that there are, 0 among them; 1 or more.
        embedding_units: length of a word's vector, 1 or more.
        units: of the LSTM in each direction, 1 or more.
        dropout: fraction of whole vectors' features, and of the maxima, dropped in training, 0 to
            below 1.
        unroll: lay the steps out one after the other, as a .tflite file of builtin operators asks
            for; False makes a loop, which is made sooner. The numbers are the same.
        classifier_activation: such as "softmax"; None leaves logits.
    """
    check_counts(num_classes=num_classes, vocabulary_size=vocabulary_size)
    check_counts(embedding_units=embedding_units, units=units)
    check_dropped(dropout=dropout)
    shape = check_shape(input_shape, "words", open_axes=0 if unroll else 1)
    inputs = keras.Input(shape, dtype="int32", name="words")
    x = layers.Embedding(vocabulary_size, embedding_units, name="embedding")(inputs)
    x = layers.SpatialDropout1D(dropout, name="word_dropout")(x)
    lstm = layers.LSTM(units, return_sequences=True, unroll=unroll, name="lstm")
    x = layers.Bidirectional(lstm, name="both_ways")(x)
    is_word = ops.expand_dims(ops.not_equal(inputs, 0), -1)
    x = ops.where(is_word, x, -1.0)  # which no state is below
    x = layers.GlobalMaxPooling1D(name="maximum")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, classifier_head(x, num_classes, classifier_activation))
