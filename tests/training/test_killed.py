"""SIGKILL at random steps: the run that goes on each time ends bit for bit as the unbroken one."""

import json
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import safetensors.numpy

# mnist_cnn as published: distortions, dropout, moving average; four epochs of 36 steps.
RECIPE = {
    "training.epochs": 4,
    "training.ema": 0.9,
    "training.checkpoint_every": 5,
    "distribution.precision": "float32",
    "distribution.xla": False,
    "distribution.deterministic": True,
}
STEPS = 4 * 36

WORKER = """
import json, sys
import kerazoo
from kerazoo.training import callbacks

def tell(self, batch, logs=None):
    count(self, batch, logs)
    print("step", flush=True)

count = callbacks.MeasureSpeed.on_train_batch_end
callbacks.MeasureSpeed.on_train_batch_end = tell
kerazoo.train("mnist_cnn", output_dir=sys.argv[1], overrides=json.loads(sys.argv[2]),
              progress=False)
"""


def start(folder):
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(folder), json.dumps(RECIPE)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(folder):
    """Run to the end; the number of steps that it took."""
    run = start(folder)
    out, err = run.communicate(timeout=280)
    assert run.returncode == 0, err[-3000:]
    return out.count("step")


def kill_after(folder, steps, delay):
    """Run, and kill the process `delay` seconds after its step number `steps`."""
    run = start(folder)
    seen = 0
    for line in run.stdout:
        seen += line == "step\n"
        if seen == steps:
            break
    time.sleep(delay)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    assert run.returncode in (-signal.SIGKILL, 0)


def check_killed_run(folder, kills):
    """Kill a run `kills` times, and compare what it ends with."""
    assert finish(folder / "unbroken") == STEPS
    rng = random.Random(kills)
    for _ in range(kills):
        kill_after(folder / "killed", rng.randint(1, 12), rng.uniform(0, 0.08))
    taken = finish(folder / "killed")
    assert 0 < taken < STEPS, "it began anew, or had ended already"
    for name in ("best.safetensors", f"checkpoints/{4:06d}-{0:08d}.safetensors"):
        mine = safetensors.numpy.load_file(folder / "killed" / name)
        theirs = safetensors.numpy.load_file(folder / "unbroken" / name)
        assert mine.keys() == theirs.keys()
        for key, value in theirs.items():
            np.testing.assert_array_equal(mine[key], value, err_msg=f"{name}: {key}")
    metrics = [(folder / run / "metrics.json").read_text() for run in ("unbroken", "killed")]
    assert metrics[0] == metrics[1]
    assert not list((folder / "killed").rglob(".*")), "something half-written is left"


@pytest.mark.slow
def test_a_run_killed_three_times_ends_bit_for_bit_as_the_unbroken_one(tmp_path):
    check_killed_run(tmp_path, kills=3)


@pytest.mark.slow
@pytest.mark.release
@pytest.mark.timeout(1500)
def test_a_run_killed_twenty_times_ends_bit_for_bit_as_the_unbroken_one(tmp_path):
    check_killed_run(tmp_path, kills=20)
