"""Which variable of a TensorFlow 1 checkpoint is which: found where it can be, asked where not."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerazoo.convert import infer_mapping
from kerazoo.errors import ConversionError


@pytest.fixture
def checkpoint(tmp_path):
    """Writes a checkpoint of zeros with the shapes given by name, as `tf.train.Saver` would."""

    def write(**shapes):
        prefix = str(tmp_path / "model.ckpt-1")
        names = [name.replace("__", "/") for name in shapes]
        values = [tf.zeros(shape) for shape in shapes.values()]
        tf.raw_ops.SaveV2(
            prefix=prefix,
            tensor_names=names,
            shape_and_slices=[""] * len(names),
            tensors=values,
        )
        return prefix

    return write


def stack(*layers, size=4):
    x = inputs = keras.Input((size,))
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


def three_dense():
    return stack(*(keras.layers.Dense(4, name=name) for name in ("dense", "dense_1", "dense_2")))


def test_by_shape_with_the_optimizers_variables_left_out(checkpoint):
    prefix = checkpoint(
        Variable=(4, 3),
        Variable_1=(3,),
        Variable__Adam=(4, 3),
        Variable_1__Adam_1=(3,),
        beta1_power=(),
        global_step=(),
        other=(7,),
    )
    found = infer_mapping(prefix, stack(keras.layers.Dense(3, name="dense")))
    assert found.pairs == {"dense/kernel": "Variable", "dense/bias": "Variable_1"}
    assert set(found.reasons.values()) == {"only one of this shape"}
    assert found.unused == ("other",)
    assert "dense/kernel  Variable    4x3    only one of this shape" in str(found)


def test_by_kind(checkpoint):
    norm = keras.layers.BatchNormalization(name="norm")
    names = ("bn__gamma", "bn__beta", "bn__moving_mean", "bn__moving_variance")
    found = infer_mapping(checkpoint(**dict.fromkeys(names, (4,))), stack(norm))
    assert found.pairs == {f"norm/{name[4:]}": f"bn/{name[4:]}" for name in names}


def test_by_words(checkpoint):
    model = stack(keras.layers.Dense(4, name="decoder"), keras.layers.Dense(4, name="encoder"))
    prefix = checkpoint(enc__W=(4, 4), enc__b=(4,), decoder__w=(4, 4), decoder__biases=(4,))
    found = infer_mapping(prefix, model)
    assert found.pairs == {
        "decoder/kernel": "decoder/w",
        "decoder/bias": "decoder/biases",
        "encoder/kernel": "enc/W",
        "encoder/bias": "enc/b",
    }


def test_by_scope(checkpoint):
    """The shapes of kernels differ; their biases follow them."""
    model = stack(keras.layers.Dense(4, name="one"), keras.layers.Dense(4, name="two"), size=3)
    prefix = checkpoint(a__x=(4, 4), a__y=(4,), b__x=(3, 4), b__y=(4,))
    found = infer_mapping(prefix, model)
    assert found.pairs == {
        "one/kernel": "b/x",
        "one/bias": "b/y",
        "two/kernel": "a/x",
        "two/bias": "a/y",
    }
    assert found.reasons["one/bias"] == "same scope"


@pytest.mark.parametrize("first", [0, 1, 9])
def test_by_number_however_it_counts(checkpoint, first):
    shapes = {}
    for number in range(3):
        shapes |= {f"fc{first + number}__W": (4, 4), f"fc{first + number}__b": (4,)}
    found = infer_mapping(checkpoint(**shapes), three_dense())
    assert [found.pairs[f"{name}/kernel"] for name in ("dense", "dense_1", "dense_2")] == [
        f"fc{first + number}/W" for number in range(3)
    ]
    assert found.reasons["dense/kernel"] == "number"


def test_variables_without_names_by_number(checkpoint):
    shapes = {"Variable": (4, 4), "Variable_1": (4,)}
    shapes |= {f"Variable_{n}": ((4, 4), (4,))[n % 2] for n in (2, 3, 10, 11)}
    found = infer_mapping(checkpoint(**shapes), three_dense())
    assert found.pairs["dense_1/kernel"] == "Variable_2"
    assert found.pairs["dense_2/bias"] == "Variable_11"


def test_ambiguity_lists_the_candidates_and_a_hint_solves_it(checkpoint):
    model = stack(keras.layers.Dense(4, name="one"), keras.layers.Dense(4, name="two"))
    prefix = checkpoint(left__W=(4, 4), left__b=(4,), right__W=(4, 4), right__b=(4,))
    with pytest.raises(ConversionError) as refused:
        infer_mapping(prefix, model)
    text = str(refused.value)
    assert "Which variable of the checkpoint is 'one/kernel' (4, 4)?" in text
    assert "Candidates: left/W, right/W." in text
    assert "3 more are open" in text
    found = infer_mapping(prefix, model, {"one/kernel": "right/W"})
    assert found.pairs == {
        "one/kernel": "right/W",
        "one/bias": "right/b",
        "two/kernel": "left/W",
        "two/bias": "left/b",
    }


def test_averaged_copies_are_a_question(checkpoint):
    """Were they taken for the variables, nobody would notice."""
    prefix = checkpoint(a__W=(4, 3), a__b=(3,), shadow__W=(4, 3), shadow__b=(3,))
    with pytest.raises(ConversionError, match="Candidates: a/W, shadow/W"):
        infer_mapping(prefix, stack(keras.layers.Dense(3, name="dense")))


def test_errors(checkpoint, tmp_path):
    model = stack(keras.layers.Dense(3, name="dense"))
    prefix = checkpoint(W=(4, 3), b=(3,), c=(5,))
    with pytest.raises(ConversionError, match="no variable for 'dense/bias'"):
        infer_mapping(checkpoint(W=(4, 3)), model)
    prefix = checkpoint(W=(4, 3), b=(3,), c=(5,))
    with pytest.raises(ConversionError, match="the model has no variable 'x'. It has dense/kernel"):
        infer_mapping(prefix, model, {"x": "W"})
    with pytest.raises(ConversionError, match="the checkpoint has no variable 'x'. It has W, b, c"):
        infer_mapping(prefix, model, {"dense/bias": "x"})
    with pytest.raises(ConversionError, match=r"'dense/bias' has the shape \(3,\), .* \(5,\)"):
        infer_mapping(prefix, model, {"dense/bias": "c"})
    with pytest.raises(ConversionError, match="There is no checkpoint"):
        infer_mapping(tmp_path / "nothing", model)
    (tmp_path / "bad.index").write_bytes(b"damaged")
    with pytest.raises(ConversionError, match="is damaged or none at all"):
        infer_mapping(tmp_path / "bad", model)
    tf.train.Checkpoint(x=tf.Variable(np.zeros(3))).write(str(tmp_path / "two"))
    with pytest.raises(ConversionError, match="is TensorFlow 2's"):
        infer_mapping(tmp_path / "two", model)
