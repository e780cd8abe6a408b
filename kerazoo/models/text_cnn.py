"""A convolutional network for sentences (Kim 2014, arXiv:1408.5882)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from kerazoo.argument_checks import check_integers, check_number
from kerazoo.models._arguments import check_counts, check_dropped, check_shape
from kerazoo.models._head import classifier_head
from kerazoo.models._names import with_numbers


def text_cnn(
    input_shape: Sequence[int],
    num_classes: int,
    vocabulary_size: int,
    embedding_units: int = 300,
    kernel_sizes: Sequence[int] = (3, 4, 5),
    filters: int = 100,
    word_range: float = 0.25,
    word_dropout: float = 0.0,
    dropout: float = 0.5,
    max_norm: float = 3.0,
    classifier_activation: str | None = None,
) -> keras.Model:
    """Word vectors, convolutions of several widths side by side, their maxima over time, a head.

    With its defaults the paper's CNN-rand: all word vectors are random at first and learned.

    Args:
        input_shape: (words,), which may be None; int32 word numbers in, 0 after the sentence's end.
        num_classes: width of the output, `(batch, num_classes)` logits.
        vocabulary_size: word numbers that there are, 0 among them; 1 or more.
        embedding_units: length of a word's vector, 1 or more.
        kernel_sizes: words that a convolution sees at once, 1 or more; one convolution or more.
        filters: of each convolution, 1 or more.
        word_range: 0 or more; word vectors are at first drawn evenly from -word_range..word_range.
            0.25 is not in the paper but in its author's program (github.com/yoonkim/CNN_sentence).
        word_dropout: fraction of the words that are left out in training, 0 to below 1; the paper
            has none.
        dropout: fraction of the maxima dropped in training, 0 to below 1.
        max_norm: upper limit of the length of each class's weights in the head (the paper's s),
            above 0.
        classifier_activation: such as "softmax"; None leaves logits.
    """
    check_counts(num_classes=num_classes, vocabulary_size=vocabulary_size)
    check_counts(embedding_units=embedding_units, filters=filters)
    check_dropped(word_dropout=word_dropout, dropout=dropout)
    check_number("word_range", word_range, least=0)
    check_number("max_norm", max_norm, above=0)
    kernel_sizes = check_integers("kernel_sizes", kernel_sizes, shortest=1)
    shape = check_shape(input_shape, "words", open_axes=1)
    inputs = keras.Input(shape, dtype="int32", name="words")
    x = layers.Embedding(
        vocabulary_size,
        embedding_units,
        embeddings_initializer=keras.initializers.RandomUniform(-word_range, word_range),
        name="embedding",
    )(inputs)
    x = layers.Dropout(word_dropout, noise_shape=(None, None, 1), name="word_dropout")(x)
    maxima = []
    names = with_numbers("conv", kernel_sizes), with_numbers("maximum", kernel_sizes)
    for size, name, name_of_maximum in zip(kernel_sizes, *names, strict=True):
        conv = layers.Conv1D(filters, size, padding="same", activation="relu", name=name)(x)
        maxima.append(layers.GlobalMaxPooling1D(name=name_of_maximum)(conv))
    x = layers.Concatenate(name="maxima")(maxima)
    x = layers.Dropout(dropout, name="dropout")(x)
    limit = keras.constraints.MaxNorm(max_norm, axis=0)
    return keras.Model(inputs, classifier_head(x, num_classes, classifier_activation, limit))
