"""A recipe on two workers: the single process's run, stopped, resumed, and without a worker."""

import json
import signal
import sys

import numpy as np
import pytest
import safetensors.numpy

from tests.distribute.local_workers import run, start

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.usefixtures("tensorflow_backend"),
]

RECIPE = {
    "data.batch_size": 64,
    "data.augment": None,
    "data.validation": 0.2,
    "training.epochs": 3,
    "training.ema": 0.9,
    "training.checkpoint_every": 4,
    "distribution.precision": "float32",
    "distribution.xla": False,
}
TRAIN = """
import json, os, signal, sys, time
import kerazoo
from kerazoo.errors import WorkerLostError

folder, strategy, change, recipe = sys.argv[1:]
worker = json.loads(os.environ.get("TF_CONFIG", '{"task": {"index": 0}}'))["task"]["index"]

def in_step(number, action):
    from kerazoo.training import loop
    beat, done = loop.beat, []
    def counted(step):
        beat(step)
        if step == number and not done:
            done.append(step)
            action()
    loop.beat = counted

if change == "stop" and worker == 1:
    in_step(15, lambda: os.kill(os.getpid(), signal.SIGTERM))
if change == "kill" and worker == 1:
    in_step(15, lambda: os.kill(os.getpid(), signal.SIGKILL))
if change == "full disk" and worker == 0:
    def fill():
        from kerazoo.training.tensor_file import TensorFile
        while not os.path.exists(f"{folder}/checkpoints/000000-00000008.safetensors"):
            time.sleep(0.01)  # it is written beside the steps
        def write(self, path):
            raise OSError(28, os.strerror(28))
        TensorFile.write = write
    in_step(9, fill)
try:
    result = kerazoo.train("mnist_mlp", output_dir=folder, strategy=strategy,
                           overrides=json.loads(recipe), progress=True)
    weights = [float(abs(w).sum()) for w in result.model.get_weights()]
    print(json.dumps({"history": result.history, "metrics": result.metrics, "weights": weights}))
except kerazoo.KerazooError as error:
    print(json.dumps({"error": type(error).__name__, "text": str(error)}), flush=True)
    os._exit(75 if isinstance(error, WorkerLostError) else 2)
"""


def command(folder, strategy, change):
    return [sys.executable, "-c", TRAIN, str(folder), strategy, change, json.dumps(RECIPE)]


def ended(folder, workers=2):
    """What each worker prints after a run to the end."""
    strategy = "multi_worker" if workers > 1 else "default"
    outputs = run(command(folder, strategy, ""), workers)
    return [json.loads(output.splitlines()[-1]) for output, _ in outputs], outputs


def broken(folder, change):
    """(exit code, what was printed last or None) of each worker."""
    processes = start(command(folder, "multi_worker", change), 2)
    try:
        outputs = [process.communicate(timeout=1200)[0].splitlines() for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [
        (process.returncode, json.loads(lines[-1]) if lines else None)
        for process, lines in zip(processes, outputs, strict=True)
    ]


def weights(folder, name="best.safetensors"):
    return safetensors.numpy.load_file(folder / name)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two") / "run"
    return folder, *ended(folder)


def without_speed(history):
    return {name: values for name, values in history.items() if name != "samples_per_second"}


def test_two_workers_give_the_run_of_one(unbroken, tmp_path):
    folder, (chief, other), outputs = unbroken
    assert chief == other  # history with its speeds, metrics, weights
    assert "epoch 3/3" in outputs[0][1]
    assert "epoch" not in outputs[1][1]
    (alone,), _ = ended(tmp_path / "run", workers=1)
    for name, values in without_speed(alone["history"]).items():
        np.testing.assert_allclose(chief["history"][name], values, rtol=0, atol=1e-5, err_msg=name)
    mine, single = weights(folder), weights(tmp_path / "run")
    for name, array in single.items():
        np.testing.assert_allclose(mine[name], array, rtol=0, atol=1e-4, err_msg=name)


def assert_resumed(folder, unbroken):
    (chief, other), _ = ended(folder)
    reference, (expected, _), _ = unbroken
    assert without_speed(chief["history"]) == without_speed(expected["history"])
    assert chief == other
    for name, array in weights(reference).items():
        np.testing.assert_array_equal(weights(folder)[name], array, err_msg=name)


@pytest.mark.release
def test_one_asked_to_stop_stops_all_and_they_resume_exactly(unbroken, tmp_path):
    folder = tmp_path / "run"
    (chief, text), (other, _) = broken(folder, "stop")
    assert (chief, other) == (75, -signal.SIGTERM)
    assert "asked to stop" in text["text"]
    assert_resumed(folder, unbroken)


@pytest.mark.release
def test_one_killed_ends_the_other_and_they_resume_exactly(unbroken, tmp_path):
    folder = tmp_path / "run"
    (chief, text), (other, _) = broken(folder, "kill")
    assert (chief, other) == (75, -signal.SIGKILL)
    assert text["error"] == "WorkerLostError"
    assert "\n" not in text["text"]
    assert_resumed(folder, unbroken)


@pytest.mark.release
def test_a_full_disk_stops_all_and_leaves_a_checkpoint(unbroken, tmp_path):
    folder = tmp_path / "run"
    (chief, text), (other, lost) = broken(folder, "full disk")
    assert (chief, other) == (2, 75)
    assert "No space left" in text["text"]
    assert lost["error"] == "WorkerLostError"
    assert sorted(file.name for file in (folder / "checkpoints").iterdir()) == [
        "000000-00000004.safetensors",
        "000000-00000008.safetensors",
    ]
    assert_resumed(folder, unbroken)
