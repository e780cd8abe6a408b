"""Weights files: what is written comes back; what is damaged is one error and changes nothing."""

import hashlib
import pickle
import struct

import keras
import numpy as np
import pytest
import safetensors.numpy

from kerazoo.errors import WeightsError
from kerazoo.zoo.weights import (
    assign_matching,
    assign_weights,
    count_parameters,
    read_weights,
    save_weights,
)


def make_model(units=4):
    keras.utils.set_random_seed(7)
    inputs = keras.Input((3,))
    x = keras.layers.Dense(5, name="hidden")(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Dropout(0.5, name="dropout")(x)
    return keras.Model(inputs, keras.layers.Dense(units, name="logits")(x), name="net")


@pytest.fixture
def model():
    return make_model()


@pytest.fixture
def file(model, tmp_path):
    path = tmp_path / "net.safetensors"
    save_weights(model, path)
    return path


def numbers(model):
    return [np.array(variable.numpy()) for variable in model.weights]


def test_weights_come_back_in_half_precision(model, file):
    other = make_model()
    for variable in other.weights:
        variable.assign(np.zeros(variable.shape))
    assert assign_weights(other, read_weights(file), source="The file") == []
    for ours, theirs in zip(numbers(model), numbers(other), strict=True):
        np.testing.assert_array_equal(ours.astype(np.float16).astype(np.float32), theirs)


def test_the_file_is_what_safetensors_reads(model, file):
    arrays = safetensors.numpy.load_file(file)
    assert sorted(arrays) == sorted(variable.path for variable in model.weights)
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float16)}


def test_the_hash_is_that_of_the_file(model, tmp_path):
    path = tmp_path / "net.safetensors"
    assert save_weights(model, path) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read_weights(path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def test_equal_models_give_equal_files(tmp_path):
    hashes = {save_weights(make_model(), tmp_path / name) for name in ("a", "b")}
    assert len(hashes) == 1


def test_parameters_are_counted_from_the_header(model, file, tmp_path):
    assert count_parameters(file) == model.count_params()
    assert count_parameters(tmp_path / "absent") is None
    (tmp_path / "text").write_text("no weights at all")
    assert count_parameters(tmp_path / "text") is None


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"absent\.safetensors'.*No such file"):
        read_weights(tmp_path / "absent.safetensors")


def test_another_file_is_noticed_by_its_hash(file):
    with pytest.raises(WeightsError, match="not the published weights file"):
        read_weights(file, sha256="0" * 64)


def test_every_flipped_byte_is_noticed_by_the_hash(file):
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    for place in range(0, len(content), 37):
        damaged = bytearray(content)
        damaged[place] ^= 0x10
        file.write_bytes(damaged)
        with pytest.raises(WeightsError, match="not the published weights file"):
            read_weights(file, sha256=digest)


def test_without_a_hash_damage_is_still_our_error(file):
    """A flipped number cannot be seen then; everything else must be one clear error."""
    content = file.read_bytes()
    header_ends = 8 + struct.unpack("<Q", content[:8])[0]
    for place in range(header_ends):
        damaged = bytearray(content)
        damaged[place] ^= 0x81
        file.write_bytes(damaged)
        with pytest.raises(WeightsError):
            assign_weights(make_model_once(), read_weights(file), source="The file")


_model_once = []


def make_model_once():
    if not _model_once:
        _model_once.append(make_model())
    return _model_once[0]


@pytest.mark.parametrize("keep", [0, 5, 8, 60, 0.5, 0.99])
def test_a_truncated_file_is_damaged(file, keep):
    content = file.read_bytes()
    file.write_bytes(content[: keep if isinstance(keep, int) else int(len(content) * keep)])
    with pytest.raises(WeightsError, match="damaged or no safetensors file"):
        read_weights(file)


def test_a_pickle_is_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    path = tmp_path / "net.safetensors"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(WeightsError, match="damaged or no safetensors file"):
        read_weights(path)
    assert not (tmp_path / "sprung").exists()


def test_a_header_that_claims_too_much_is_damaged(tmp_path):
    path = tmp_path / "net.safetensors"
    header = b'{"a":{"dtype":"F16","shape":[1000000000000],"data_offsets":[0,2000000000000]}}'
    for length in (len(header), 2**62):
        path.write_bytes(struct.pack("<Q", length) + header)
        with pytest.raises(WeightsError, match="damaged or no safetensors file"):
            read_weights(path)


def test_a_wrong_shape_leaves_the_model_as_it_was(file):
    other = make_model(units=6)
    before = numbers(other)
    with pytest.raises(
        WeightsError, match=r"'logits/kernel' has shape \(5, 4\) there and \(5, 6\)"
    ):
        assign_weights(other, read_weights(file), source="The file")
    np.testing.assert_equal(numbers(other), before)


def test_a_fresh_head_keeps_all_that_fits(model, file):
    other = make_model(units=6)
    head = [v.numpy() for v in other.get_layer("logits").weights]
    fresh = assign_weights(other, read_weights(file), source="The file", fresh=["logits"])
    assert fresh == ["logits/kernel", "logits/bias"]
    np.testing.assert_equal([v.numpy() for v in other.get_layer("logits").weights], head)
    half = model.get_layer("hidden").kernel.numpy().astype(np.float16)
    np.testing.assert_array_equal(other.get_layer("hidden").kernel.numpy(), half)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a.pop("hidden/bias"), "missing .'hidden/bias'.*left over none"),
        (lambda a: a.update(more=np.zeros(1)), "missing none, left over .'more'"),
        (lambda a: a["norm/gamma"].put(2, np.nan), "'norm/gamma' has values that are not finite"),
        (lambda a: a["logits/bias"].put(0, np.inf), "'logits/bias' has values that are not finite"),
    ],
)
def test_arrays_that_do_not_fit_leave_the_model_as_it_was(model, file, change, words):
    arrays = {name: array.copy() for name, array in read_weights(file).items()}
    change(arrays)
    for variable in model.weights:
        variable.assign(np.full(variable.shape, 3.0))
    before = numbers(model)
    with pytest.raises(WeightsError, match=words):
        assign_weights(model, arrays, source="The file")
    np.testing.assert_equal(numbers(model), before)


@pytest.mark.parametrize("value", [1e5, -1e5, np.nan, np.inf])
def test_what_half_precision_cannot_hold_is_not_written(model, tmp_path, value):
    model.get_layer("hidden").bias.assign(np.full(5, value))
    with pytest.raises(WeightsError, match="'hidden/bias' has values that half precision"):
        save_weights(model, tmp_path / "net.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_file_appears_whole_or_not_at_all(model, file):
    content = file.read_bytes()
    model.get_layer("hidden").bias.assign(np.full(5, np.nan))
    with pytest.raises(WeightsError):
        save_weights(model, file)
    assert file.read_bytes() == content


def test_layers_of_the_same_name_and_shapes_are_taken_whole(model, file):
    inputs = keras.Input((3,))
    x = keras.layers.Dense(5, name="hidden")(inputs)
    x = keras.layers.Dense(4, name="other")(keras.layers.BatchNormalization(name="norm")(x))
    mine = keras.Model(inputs, keras.layers.Dense(4, name="logits")(x))  # from 4 features, not 5
    before = {variable.path: variable.numpy() for variable in mine.weights}
    assert assign_matching(mine, read_weights(file), source="The file") == ["hidden", "norm"]
    theirs = {v.path: v.numpy().astype(np.float16) for v in model.weights}
    for variable in mine.weights:
        is_taken = variable.path.startswith(("hidden", "norm"))  # not logits/bias, which would fit
        np.testing.assert_array_equal(
            variable.numpy(), (theirs if is_taken else before)[variable.path]
        )


def test_where_no_layer_fits_or_one_is_damaged_nothing_changes(model, file):
    arrays = {name: array.copy() for name, array in read_weights(file).items()}
    arrays["norm/gamma"][0] = np.nan
    before = numbers(model)
    with pytest.raises(WeightsError, match="'norm/gamma' has values that are not finite"):
        assign_matching(model, arrays, source="The file")
    np.testing.assert_equal(numbers(model), before)
    with pytest.raises(WeightsError, match=r"The file has nothing for .*Layers there: .*hidden"):
        assign_matching(
            keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]), arrays, source="The file"
        )
