"""Files made to read others, to go in circles or to fill the memory: refused in one line each."""

import json
import zipfile

import h5py
import numpy as np
import pytest

import kerazoo
from kerazoo.errors import ConversionError
from tests.convert.old_files import dense, dense_weights, functional, write_h5


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


def test_nothing_is_written_beside(old, tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    test_links(old)
    assert not list((tmp_path / "work").iterdir())
