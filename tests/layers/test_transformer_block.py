"""Blocks against PyTorch's, whole and step by step."""

import numpy as np
import pytest
from keras import ops

from kerazoo.errors import ConfigError, DataError
from kerazoo.layers import TransformerBlock

HEADS, FEATURES, HIDDEN = 2, 6, 9


def array(tensor):
    return ops.convert_to_numpy(tensor)


def made(scatter, **arguments):
    block = TransformerBlock(HEADS, HIDDEN, **arguments)
    block.build((None, None, FEATURES))
    return scatter(block)


def sequences(*steps, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(3, count, FEATURES)).astype("float32") for count in steps]


def lengths(steps, *counts):
    return np.arange(steps) < np.array(counts)[:, None]


def torch_block(torch, block):
    """PyTorch's layer with the block's weights; its epsilon is Keras's."""
    kind = "TransformerDecoderLayer" if block.has_context else "TransformerEncoderLayer"
    layer = getattr(torch.nn, kind)(
        FEATURES, HEADS, HIDDEN, 0.0, batch_first=True, norm_first=True, layer_norm_eps=1e-3
    )
    names = [("self_attn", block.attention)]
    norms = [block.attention_norm, block.dense_norm]
    if block.has_context:
        names.append(("multihead_attn", block.context_attention))
        norms.insert(1, block.context_norm)
    state = {}
    for name, attention in names:
        maps = [attention.query, attention.key, attention.value]
        state[f"{name}.in_proj_weight"] = np.concatenate([array(m.kernel).T for m in maps])
        state[f"{name}.in_proj_bias"] = np.concatenate([array(m.bias) for m in maps])
        state[f"{name}.out_proj.weight"] = array(attention.output_map.kernel).T
        state[f"{name}.out_proj.bias"] = array(attention.output_map.bias)
    for number, norm in enumerate(norms, start=1):
        state[f"norm{number}.weight"] = array(norm.gamma)
        state[f"norm{number}.bias"] = array(norm.beta)
    for name, dense in (("linear1", block.hidden), ("linear2", block.output_map)):
        state[f"{name}.weight"], state[f"{name}.bias"] = array(dense.kernel).T, array(dense.bias)
    layer.load_state_dict({name: torch.tensor(values.copy()) for name, values in state.items()})
    return layer.eval()


def test_a_block_of_an_encoder_is_pytorchs(scatter):
    torch = pytest.importorskip("torch")
    block = made(scatter)
    (inputs,) = sequences(5)
    mask = lengths(5, 5, 3, 2)
    with torch.no_grad():
        expected = torch_block(torch, block)(
            torch.tensor(inputs), src_key_padding_mask=torch.tensor(~mask)
        ).numpy()
    outputs = array(block(inputs, mask=mask))
    np.testing.assert_allclose(outputs[mask], expected[mask], atol=1e-4, rtol=1e-5)


def test_a_block_of_a_decoder_is_pytorchs(scatter):
    torch = pytest.importorskip("torch")
    block = made(scatter, is_causal=True, has_context=True)
    inputs, context = sequences(5, 4)
    mask = lengths(4, 4, 3, 1)
    with torch.no_grad():
        expected = torch_block(torch, block)(
            torch.tensor(inputs),
            torch.tensor(context),
            tgt_mask=torch.nn.Transformer.generate_square_subsequent_mask(5),
            memory_key_padding_mask=torch.tensor(~mask),
        ).numpy()
    outputs = array(block(inputs, context=context, context_mask=mask))
    np.testing.assert_allclose(outputs, expected, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("has_context", [False, True])
def test_step_by_step_is_all_at_once(scatter, has_context):
    block = made(scatter, is_causal=True, has_context=has_context)
    inputs, context = sequences(5, 4)
    mask = lengths(4, 4, 3, 1) if has_context else None
    context = context if has_context else None
    expected = array(block(inputs, context=context, context_mask=mask))
    known = block.start(context)
    cache = [np.zeros((3, HEADS, 7, FEATURES // HEADS), "float32")] * 2  # room for more
    for position in range(5):
        step = inputs[:, position : position + 1]
        outputs, cache = block.step(step, position, cache, known, mask)
        np.testing.assert_allclose(
            array(outputs)[:, 0], expected[:, position], atol=1e-5, rtol=1e-5
        )


def test_dropout_is_for_training(scatter):
    block = made(scatter, dropout=0.5, seed=1)
    (inputs,) = sequences(5)
    calm = array(block(inputs, training=False))
    np.testing.assert_array_equal(array(block(inputs)), calm)
    assert np.abs(array(block(inputs, training=True)) - calm).max() > 1e-3


def test_heads_must_divide_the_features():
    with pytest.raises(ConfigError, match="`num_heads` must divide .*num_heads=4, 6 features"):
        TransformerBlock(4, 8)(np.zeros((1, 2, 6), "float32"))


@pytest.mark.parametrize("has_context", [False, True])
def test_a_context_is_there_if_it_was_announced(has_context):
    block = TransformerBlock(2, 8, has_context=has_context)
    inputs = np.zeros((1, 2, 6), "float32")
    context = None if has_context else inputs
    with pytest.raises(DataError, match=f"has_context={has_context}. Received: "):
        block(inputs, context=context)


def test_inputs_are_sequences():
    with pytest.raises(DataError, match=r"takes \(batch, time, features\) .*Received: .*\(3, 6\)"):
        TransformerBlock(2, 8)(np.zeros((3, 6), "float32"))


def test_a_context_has_the_features_of_the_inputs(scatter):
    block = made(scatter, has_context=True)
    (inputs,) = sequences(2)
    with pytest.raises(DataError, match=r"of as many features as its inputs. Received: shape"):
        block(inputs, context=np.zeros((3, 4, FEATURES - 1), "float32"))


def test_only_causal_blocks_go_step_by_step(scatter):
    block = made(scatter)
    (inputs,) = sequences(1)
    cache = [np.zeros((3, HEADS, 4, FEATURES // HEADS), "float32")] * 2
    with pytest.raises(ConfigError, match="`step` is for blocks with is_causal=True. Received: "):
        block.step(inputs, 0, cache)


@pytest.mark.parametrize("has_context", [False, True])
def test_shares_of_a_context_want_one(scatter, has_context):
    block = made(scatter, has_context=has_context)
    (inputs,) = sequences(2)
    kind = DataError if has_context else ConfigError
    with pytest.raises(kind, match="has_context=.*Received: "):
        block.context_shares(inputs, None)
