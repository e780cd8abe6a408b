"""HDF5 files that lead out of themselves or declare more than they hold, alone and in .keras."""

import h5py
import numpy as np
import pytest

import kerazoo
from kerazoo.errors import DataError
from tests.scan.hostile_files import dangers, keras_file, weights_h5


def external_link(file):
    file["evil"] = h5py.ExternalLink("/etc/secret.h5", "/values")


def soft_link(file):
    file["evil"] = h5py.SoftLink("/layers")


def circle(file):
    file["layers/evil"] = file["layers"]


def external_values(file):
    file.create_dataset("evil", (4, 2), "float32", external=[("/etc/passwd", 0, 32)])


def virtual(file):
    layout = h5py.VirtualLayout((4, 2), "float32")
    layout[:] = h5py.VirtualSource("/etc/secret.h5", "values", (4, 2))
    file.create_virtual_dataset("evil", layout)


def bomb(file):
    file.create_dataset("evil", (1 << 20, 1 << 20), "float32", chunks=(64, 64))


HOSTILE = {
    external_link: "/evil is an HDF5 ExternalLink",
    soft_link: "/evil is an HDF5 SoftLink",
    circle: "/layers/evil is a group that leads in circles",
    external_values: "keeps its values in another file (/etc/passwd)",
    virtual: "is a virtual dataset",
    bomb: "declares 4,398,046,511,104 bytes and stores 0",
}


@pytest.mark.parametrize("change", HOSTILE, ids=lambda change: change.__name__)
def test_a_weights_file(tmp_path, change):
    """CVE-2026-1669, CVE-2026-12570."""
    path = tmp_path / "model.weights.h5"
    path.write_bytes(weights_h5(change))
    assert HOSTILE[change] in dangers(path)


@pytest.mark.parametrize("change", HOSTILE, ids=lambda change: change.__name__)
def test_the_weights_of_a_keras_file(tmp_path, change):
    found = dangers(keras_file(tmp_path / "m.keras", weights=weights_h5(change)))
    assert found.startswith("m.keras: model.weights.h5: ")
    assert HOSTILE[change] in found


def test_all_dangers_are_told(tmp_path):
    def change(file):
        for number, one in enumerate((external_link, soft_link, bomb)):
            one(group := file.create_group(f"part{number}"))
            assert group

    path = tmp_path / "m.h5"
    path.write_bytes(weights_h5(change))
    assert len(dangers(path).splitlines()) == 3


def test_an_honest_file_of_compressed_zeros(tmp_path):
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("zeros", data=np.zeros((512, 512)), compression="gzip")
    assert kerazoo.verify(path).findings == ()


@pytest.mark.parametrize("content", [b"", b"no HDF5", weights_h5()[:700]])
def test_damage(tmp_path, content):
    path = tmp_path / "m.h5"
    path.write_bytes(content)
    with pytest.raises(DataError, match="no HDF5 file, or damaged"):
        kerazoo.verify(path)
    found = dangers(keras_file(tmp_path / "m.keras", weights=content))
    assert "m.keras: model.weights.h5: cannot be read, so it is not checked" in found
