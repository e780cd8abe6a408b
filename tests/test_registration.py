"""A file with kerazoo's classes loads with `import kerazoo` alone, in whatever order it comes."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.layers import LayerScale

BASES = {"PruningSchedule"}
"""Classes that are only derived from."""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "model.keras"
    model = keras.Sequential([keras.Input((3,)), LayerScale(0.5)])
    model.compile("sgd", "mse", metrics=[kerazoo.metrics.HitRateAtK(k=2)])
    model.save(path)
    return path


@cache
def in_a_process(imports, file):
    """Names that Keras knows after these imports, and the module of the file's layer."""
    program = f"""
import sys
{imports}
print(*keras.saving.get_custom_objects())
model = keras.saving.load_model(sys.argv[1])
print(type(model.layers[0]).__module__)
"""
    run = subprocess.run(
        [sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    *names, module = run.stdout.split()
    return names, module


@pytest.mark.parametrize(
    "imports",
    [
        pytest.param("import kerazoo, keras", marks=pytest.mark.slow),
        "import keras, kerazoo",
        pytest.param("import kerazoo, tensorflow, keras", marks=pytest.mark.slow),
    ],
)
def test_the_order_of_imports_does_not_matter(file, imports):
    assert in_a_process(imports, file)[1] == "kerazoo.layers.layer_scale"


@pytest.mark.parametrize(
    "first",
    [
        "import kerazoo; kerazoo.layers.ConvNormAct",
        *(
            pytest.param(other, marks=[pytest.mark.slow, *release])
            for other, *release in (
                ("import kerazoo.layers.conv_norm_act", pytest.mark.release),
                ("from kerazoo.metrics import PrecisionAtK", pytest.mark.release),
                ("import kerazoo; kerazoo.distill.Distiller", pytest.mark.release),
                ("from kerazoo.training.steps.r_drop import RDrop",),
                ("from kerazoo.training import Loop",),
            )
        ),
    ],
)
def test_any_class_may_be_the_first_thing_that_needs_keras(first):
    run = subprocess.run([sys.executable, "-c", first], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]


def test_every_decorated_class_is_registered_by_the_import(file):
    """No module that holds one is missing from what registration imports."""
    decorated = re.compile(
        r"^@keras\.saving\.register_keras_serializable\(.*\)\n(?:@.*\n)*(?:class|def) (\w+)", re.M
    )
    root = Path(kerazoo.__file__).parent
    expected = {
        name for file in root.rglob("*.py") for name in decorated.findall(file.read_text("utf-8"))
    }
    names, _ = in_a_process("import keras, kerazoo", file)
    assert len(expected) > 50
    assert expected <= {name.removeprefix("kerazoo>") for name in names}


def test_keras_knows_all_public_classes():
    known = keras.saving.get_custom_objects()
    for package in ("layers", "losses", "metrics", "distill", "compress", "hub", "training.steps"):
        module = __import__(f"kerazoo.{package}", fromlist=["__all__"])
        for name in module.__all__:
            value = getattr(module, name)
            if hasattr(value, "get_config") and name not in BASES:
                assert known.get(f"kerazoo>{name}") is value, f"{name} is not registered"


def test_the_loaded_model_gives_the_same_outputs(file):
    model = keras.saving.load_model(file)
    np.testing.assert_allclose(model.predict(np.ones((2, 3)), verbose=0), 0.5)


def test_every_class_of_compress_that_a_file_may_name_is_public():
    """Quantized layers are made by `quantize_aware`; loading must find them without it."""
    folder = Path(kerazoo.compress.__file__).parent
    pattern = re.compile(r"register_keras_serializable\(.*\)\nclass (\w+)")
    written = {
        name for file in folder.glob("[a-z]*.py") for name in pattern.findall(file.read_text())
    }
    assert written - set(kerazoo.compress.__all__) == set()
