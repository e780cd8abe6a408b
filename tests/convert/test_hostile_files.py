"""Files made to read others, to go in circles or to fill the memory: refused in one line each."""

import json
import shutil
import zipfile

import h5py
import numpy as np
import pytest

import kerazoo
from kerazoo.errors import ConversionError
from tests.convert.old_files import MODELS, dense, dense_weights, functional, write_h5


@pytest.fixture
def old(tmp_path):
    """A good file, to be spoilt: gives its path and its group of weights."""
    path = write_h5(tmp_path / "old.h5", functional(dense(["x"])), {"dense": dense_weights()})
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["values"] = np.ones((4, 2), "float32")
    return path, secret


def refusal(path):
    with pytest.raises(ConversionError) as refused:
        kerazoo.convert.from_keras2(path, verify=False)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def spoil(path, change):
    with h5py.File(path, "r+") as file:
        group = file["model_weights/dense/dense"]
        del group["kernel:0"]
        change(group)
    return refusal(path)


def test_links(old):
    path, secret = old

    def external(group):
        group["kernel:0"] = h5py.ExternalLink(str(secret), "/values")

    assert "kernel:0 is an HDF5 ExternalLink" in spoil(path, external)


def test_soft_links(old):
    def soft(group):
        group["kernel:0"] = h5py.SoftLink("/model_weights/dense/dense/kernel:0")

    assert "kernel:0 is an HDF5 SoftLink" in spoil(old[0], soft)


def test_groups_in_circles(old):
    def circle(group):
        group["kernel:0"] = group.file["model_weights"]

    assert "a group that leads in circles" in spoil(old[0], circle)


def test_values_in_another_file(old, tmp_path):
    (tmp_path / "raw").write_bytes(bytes(32))

    def external(group):
        group.create_dataset(
            "kernel:0", (4, 2), "float32", external=[(str(tmp_path / "raw"), 0, 32)]
        )

    assert "keeps its values in another file" in spoil(old[0], external)


def test_virtual_datasets(old):
    path, secret = old

    def virtual(group):
        layout = h5py.VirtualLayout((4, 2), "float32")
        layout[:] = h5py.VirtualSource(str(secret), "values", (4, 2))
        group.create_virtual_dataset("kernel:0", layout)

    assert "is a virtual dataset" in spoil(path, virtual)


def test_declared_shapes(old):
    def huge(group):
        group.create_dataset("kernel:0", (1 << 20, 1 << 20), "float32", chunks=(64, 64))

    assert "declares 4,398,046,511,104 bytes and stores 0" in spoil(old[0], huge)


def test_objects_instead_of_numbers(old):
    def texts(group):
        group["kernel:0"] = ["a", "b"]

    assert "kernel:0 is not an array" in spoil(old[0], texts)


def test_damage(old, tmp_path):
    content = old[0].read_bytes()
    for name, part in (
        ("empty", b""),
        ("text", b"no HDF5"),
        ("half", content[: len(content) // 2]),
    ):
        path = tmp_path / f"{name}.h5"
        path.write_bytes(part)
        assert "is not an HDF5 file, or it is damaged" in refusal(path)
    (tmp_path / "text.keras").write_bytes(b"neither")
    said = "is neither a zip archive, as .keras files are, nor an HDF5 file"
    assert said in refusal(tmp_path / "text.keras")


@pytest.mark.parametrize(
    "config",
    [
        "not json",
        "[" * 100_000,
        "7",
        '{"class_name": "Functional"}',
        '{"class_name": 3, "config": 4}',
    ],
)
def test_configs(tmp_path, config):
    assert refusal(write_h5(tmp_path / "old.h5", config, {}))


def test_models_nested_without_end(tmp_path):
    config = functional(dense(["x"]))
    for _ in range(60):
        config = {"class_name": "Sequential", "config": {"name": "s", "layers": [config]}}
    assert "more than 50 deep" in refusal(write_h5(tmp_path / "old.h5", config, {}))


def keras_file(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return path


def test_archives(tmp_path, monkeypatch):
    config, version = json.dumps(functional(dense(["x"]))), json.dumps({"keras_version": "2.15"})
    path = keras_file(tmp_path / "a.keras", config__json=config, metadata__json=version)
    assert "no readable model.weights.h5" in refusal(path)
    source = kerazoo.convert._source
    monkeypatch.setattr(source, "LARGEST_MEMBER", 1 << 20)
    bomb = keras_file(tmp_path / "b.keras", config__json=bytes(1 << 25), metadata__json=version)
    assert "config.json declares 33,554,432 bytes" in refusal(bomb)


@pytest.fixture
def saved(tmp_path):
    """A good SavedModel, to be spoilt: gives its folder and the path of its data."""
    folder = tmp_path / "saved"
    shutil.copytree(MODELS / "mixed", folder)
    return folder, folder / "variables" / "variables.data-00000-of-00001"


def test_a_saved_model_without_its_variables(saved):
    folder, data = saved
    data.unlink()
    assert "are damaged or incomplete" in refusal(folder)
    shutil.rmtree(folder / "variables")
    assert "copy its whole folder, with all of variables/" in refusal(folder)


@pytest.mark.parametrize("part", ["data", "index"])
def test_a_saved_model_with_damaged_variables(saved, part):
    folder, data = saved
    path = data if part == "data" else data.with_name("variables.index")
    content = path.read_bytes()
    path.write_bytes(content[:100])
    assert "are damaged or incomplete" in refusal(folder)
    path.write_bytes(bytes(255 - byte for byte in content))
    assert "are damaged or incomplete" in refusal(folder)


def graph_in_circles():
    """Of a layer whose two parts hold each other, and no list of its variables."""
    from tensorflow.core.protobuf import trackable_object_graph_pb2

    graph = trackable_object_graph_pb2.TrackableObjectGraph()
    for name, after in (("layer-0", 1), ("a", 2), ("b", 1)):
        child = graph.nodes.add().children.add()
        child.local_name, child.node_id = name, after
    return graph.SerializeToString()


@pytest.mark.parametrize("graph", [None, b"no graph", b"", [1.0], graph_in_circles])
def test_a_saved_model_whose_variables_are_not_said_to_be_whose(saved, graph):
    import tensorflow as tf

    folder, data = saved
    value = graph() if callable(graph) else graph
    tensors = {} if value is None else {"_CHECKPOINTABLE_OBJECT_GRAPH": tf.constant(value)}
    data.unlink()
    tf.raw_ops.SaveV2(
        prefix=str(folder / "variables" / "variables"),
        tensor_names=["x", *tensors],
        shape_and_slices=[""] * (1 + len(tensors)),
        tensors=[tf.constant(1.0), *tensors.values()],
    )
    assert refusal(folder)


def test_a_number_without_an_end(tmp_path):
    """It would grow with every byte, in a time that grows with the square of them."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"")
    (folder / "keras_metadata.pb").write_bytes(b"\xff" * 3_000_000)
    assert "model cannot be read: it is damaged" in refusal(folder)


def test_nothing_is_written_beside(old, tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    test_links(old)
    assert not list((tmp_path / "work").iterdir())
