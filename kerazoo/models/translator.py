"""A Transformer that reads a sentence and writes another (Vaswani et al. 2017)."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from kerazoo.layers import SinusoidalPositions, TransformerBlock
from kerazoo.models._arguments import check_counts, check_dropped

PADDING = 0


def translator(
    vocabulary_size: int,
    units: int = 256,
    blocks: int = 3,
    num_heads: int = 4,
    hidden_units: int = 512,
    dropout: float = 0.1,
) -> keras.Model:
    """Encoder and decoder, normalized first, with one embedding for both languages and the output.

    {"source": int32 `(batch, m)`, "prefix": int32 `(batch, n)`} to logits
    `(batch, n, vocabulary_size)`: row t is what follows the first t + 1 of the prefix. 0 pads both
    at the end. `Steps` gives the same logits step by step.

    Sources: Vaswani et al. 2017, arXiv:1706.03762; normalized first as in Xiong et al. 2020,
    arXiv:2002.04745; tied weights of Press, Wolf 2017, arXiv:1608.05859.

    Args:
        vocabulary_size: numbers of pieces that there are, padding among them; 1 or more.
        units: features of a step, a multiple of `num_heads`.
        blocks: of the encoder, 1 or more; the decoder has as many.
        num_heads: of each attention, 1 or more.
        hidden_units: width within a block, 1 or more.
        dropout: of embeddings and of what blocks add, in training, 0 to below 1.
    """
    check_counts(vocabulary_size=vocabulary_size, units=units, blocks=blocks)
    check_counts(num_heads=num_heads, hidden_units=hidden_units)
    check_dropped(dropout=dropout)
    source = keras.Input((None,), dtype="int32", name="source")
    prefix = keras.Input((None,), dtype="int32", name="prefix")
    embedding = layers.ReversibleEmbedding(
        vocabulary_size,
        units,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=units**-0.5),
        name="embedding",
    )
    scale = layers.Rescaling(units**0.5, name="scale")
    positions = SinusoidalPositions(name="positions")
    drop = layers.Dropout(dropout, name="dropout")
    is_piece = ops.not_equal(source, PADDING)
    sizes: dict[str, Any] = {
        "num_heads": num_heads,
        "hidden_units": hidden_units,
        "dropout": dropout,
    }
    x = drop(positions(scale(embedding(source))))
    for number in range(1, blocks + 1):
        x = TransformerBlock(**sizes, name=f"encoder_{number}")(x, mask=is_piece)
    context = layers.LayerNormalization(name="encoder_norm")(x)
    x = drop(positions(scale(embedding(prefix))))
    for number in range(1, blocks + 1):
        block = TransformerBlock(
            **sizes, is_causal=True, has_context=True, name=f"decoder_{number}"
        )
        x = block(x, context=context, context_mask=is_piece)
    x = layers.LayerNormalization(name="decoder_norm")(x)
    logits = embedding(x, reverse=True)
    outputs = layers.Activation("linear", dtype="float32", name="logits")(logits)
    return keras.Model({"source": source, "prefix": prefix}, outputs)


class Steps:
    """The model that `translator` makes, one piece after another, with what earlier ones left.

    `read` takes the source; `step` takes a piece of the target and says what follows. State are two
    tuples of tensors whose first axis is the batch: what is known of the source, and the cache.
    """

    def __init__(self, model: keras.Model, length: int):
        self.length = length
        self.vocabulary_size = model.get_layer("embedding").input_dim
        self._layer = model.get_layer
        self._encoder = [name for name in map(_name, model.layers) if _is("encoder", name)]
        self._decoder = [name for name in map(_name, model.layers) if _is("decoder", name)]

    def read(self, source: Any) -> tuple[Any, ...]:
        """Of sources, `(batch, m)`: which pieces there are, and keys and values of each block."""
        context, is_piece = self._context(source)
        known = [is_piece]
        for name in self._decoder:
            known += self._layer(name).start(context)
        return tuple(known)

    def empty_cache(self, batch: Any) -> tuple[Any, ...]:
        """Keys and values of each block of the decoder, of `length` pieces, all zero."""
        block = self._layer(self._decoder[0])
        size = block.attention.key_dim
        shape = (batch, block.num_heads, self.length, size)
        return tuple(ops.zeros(shape, block.compute_dtype) for _ in self._decoder for _ in range(2))

    def step(
        self, pieces: Any, position: Any, known: tuple[Any, ...], cache: tuple[Any, ...]
    ) -> tuple[Any, tuple[Any, ...]]:
        """Logits `(batch, vocabulary_size)`, float32, of what follows `pieces`, `(batch,)`, of
        which there are `position` before; and the cache with them."""
        x = self._embedded(ops.expand_dims(pieces, 1), position)
        is_piece, kept = known[0], []
        for number, name in enumerate(self._decoder):
            own = slice(2 * number, 2 * number + 2)
            x, pair = self._layer(name).step(x, position, cache[own], known[1:][own], is_piece)
            kept += pair
        x = self._layer("decoder_norm")(x)
        logits = self._layer("embedding")(x, reverse=True)
        return ops.cast(logits[:, 0], "float32"), tuple(kept)

    def attention(self, source: Any, prefix: Any) -> Any:
        """Where in the source it looks to say what follows each piece of the prefix, mean over
        heads and blocks: float32 `(batch, n, m)`, of sum 1 over the source."""
        context, is_piece = self._context(source)
        x, shares = self._embedded(prefix, 0), []
        for name in self._decoder:
            block = self._layer(name)
            shares.append(block.context_shares(x, context, is_piece))
            x = block(x, context=context, context_mask=is_piece, training=False)
        return ops.mean(ops.stack(shares), axis=0)

    def _context(self, source: Any) -> tuple[Any, Any]:
        """What the encoder makes of sources, and which pieces there are."""
        is_piece = ops.not_equal(source, PADDING)
        x = self._embedded(source, 0)
        for name in self._encoder:
            x = self._layer(name)(x, mask=is_piece, training=False)
        return self._layer("encoder_norm")(x), is_piece

    def _embedded(self, pieces: Any, position: Any) -> Any:
        x = self._layer("scale")(self._layer("embedding")(pieces))
        return self._layer("positions")(x, offset=position)


def _name(layer: keras.layers.Layer) -> str:
    return layer.name


def _is(part: str, name: str) -> bool:
    return name.startswith(f"{part}_") and name != f"{part}_norm"
