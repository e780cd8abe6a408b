"""JAX and PyTorch: zoo models build, load their weights and predict TensorFlow's numbers.

Keras takes its backend once per process, so each backend answers in a process of its own.
"""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

import kerazoo

BACKENDS = ("jax", "torch")
TOO_LARGE = {"bccd_detector", "camvid_segmenter", "multi30k_translator"}
"""They take minutes on JAX; their layers are in tests/layers and tests/losses, which all run."""
UNROLLED = {"mnist1d_gru", "mnist1d_rnn", "mr_text_lstm"}
"""For TFLite. Here as loops, which compile in seconds."""
OF_THE_SAME_LAYERS = {"cifar10_efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"}
"""As efficientnet_lite0; JAX takes long to compile them."""
NAMES = sorted({*kerazoo.list_models()} - TOO_LARGE - OF_THE_SAME_LAYERS)

pytestmark = pytest.mark.timeout(900)  # a backend answers for all models at once

# Prints one line per refused call; writes the outputs of every model to outputs.npz.
PROGRAM = """
import sys
import kerazoo, numpy as np
outputs = {}
given = np.load("given.npz")

def inputs_of(name):
    named = {key.split("/")[1]: given[key] for key in given.files if key.startswith(f"{name}/")}
    return named or given[name]

for name in sorted({key.split("/")[0] for key in given.files}):
    weights = "default" if kerazoo.info(name).pretrained else f"{name}.safetensors"
    arguments = {"unroll": False} if name in sys.argv[1:] else {}
    model = kerazoo.get(name, weights=weights, **arguments)
    outputs[name] = np.asarray(model.predict(inputs_of(name), verbose=0))
np.savez("outputs.npz", **outputs)
calls = {
    "train": lambda: kerazoo.train("linear_regression", epochs=1, output_dir="run"),
    "export": lambda: kerazoo.export("linear_regression", "linear.tflite"),
}
for name, call in calls.items():
    try:
        call()
    except kerazoo.KerazooError as error:
        print(f"{name}: {error}")
"""


def random_inputs(model, task, rng):
    """Eight samples; of several inputs by name 0 or 1, which any of them takes; 6 of open sizes."""
    if len(model.inputs) > 1:
        shapes = [(tensor.name, tensor.shape) for tensor in model.inputs]
        sizes = {key: (8, *(size or 6 for size in shape[1:])) for key, shape in shapes}
        return {key: rng.integers(0, 2, size).astype("int32") for key, size in sizes.items()}
    dtype = {"image": "uint8", "text": "int32"}.get(task.split("-")[0], "float32")
    return rng.integers(0, 256, (8, *model.input_shape[1:])).astype(dtype)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A folder with inputs and weights for every model, and TensorFlow's outputs."""
    folder = tmp_path_factory.mktemp("given")
    rng = np.random.default_rng(0)
    inputs, outputs = {}, {}
    for name in NAMES:
        arguments = {"unroll": False} if name in UNROLLED else {}
        weights = "default"
        if not kerazoo.info(name).pretrained:
            weights = folder / f"{name}.safetensors"
            fresh = kerazoo.get(name, weights=None, **arguments)
            kerazoo.zoo.weights.save_weights(fresh, weights)
        model = kerazoo.get(name, weights=weights, **arguments)
        inputs[name] = random_inputs(model, kerazoo.info(name).task, rng)
        outputs[name] = model.predict(inputs[name], verbose=0)
    arrays = {}
    for name, given_inputs in inputs.items():
        named = given_inputs if isinstance(given_inputs, dict) else {"": given_inputs}
        arrays |= {f"{name}/{key}".rstrip("/"): values for key, values in named.items()}
    np.savez(folder / "given.npz", **arrays)
    return folder, outputs


@pytest.fixture(scope="module", params=BACKENDS)
def answers(request, given):
    """(backend, its outputs, the lines it printed)."""
    backend = request.param
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    folder, _ = given
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, *UNROLLED],
        cwd=folder,
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    with np.load(folder / "outputs.npz") as outputs:
        return backend, dict(outputs), run.stdout.splitlines()


def test_outputs_are_tensorflows(answers, given):
    _, outputs, _ = answers
    _, expected = given
    assert outputs.keys() == expected.keys()
    for key, values in expected.items():
        difference = np.abs(outputs[key] - values).max()
        assert difference <= 1e-4 * np.abs(values).max(), key


@pytest.mark.parametrize("call", ["train", "export"])
def test_what_needs_tensorflow_says_so_in_one_line(answers, call):
    backend, _, lines = answers
    line = next((line for line in lines if line.startswith(f"{call}: ")), None)
    assert line is not None, f"kerazoo.{call} raised nothing of ours: {lines}"
    assert "TensorFlow" in line
    assert backend in line
