"""Two devices give the numbers of one. In a process of its own: devices are fixed at the start."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

PROGRAM = """
import json, sys
import keras
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tests.training.steps.conftest import ON, STEADY, X, Y, compiled, fit, make_net

# One strategy for all: TensorFlow numbers the collectives of each from the start.
strategies = {n: tf.distribute.MirroredStrategy([f"CPU:{d}" for d in range(n)]) for n in (1, 2)}
found = {}
for kind, wrappers in {"steady": STEADY, "random": ON}.items():
    for name in wrappers.keys() & set(sys.argv[1:]):
        wrap = wrappers[name]
        for devices in (1, 2) if kind == "steady" else (2,):
            strategy = strategies[devices]
            with strategy.scope():
                # Not Adam, which makes a whole step of a gradient that is only rounding.
                optimizer = keras.optimizers.SGD(0.2, momentum=0.9)
                wrapper = compiled(wrap(make_net(dropout=0.2 * (kind == "random"))), optimizer)
            # The last random batch has one sample: the second device gets none.
            samples = slice(None) if kind == "steady" else slice(65)
            history = fit(wrapper, X[samples], Y[samples], epochs=1)
            spread = max(
                float(np.max(np.abs(values[0] - values[-1])))
                for values in (
                    [np.asarray(local) for local in strategy.experimental_local_results(v.value)]
                    for v in wrapper.variables
                )
            )
            weights = np.concatenate([np.ravel(w) for w in wrapper.model.get_weights()])
            found[f"{kind} {name} {devices}"] = [history, spread, weights.tolist()]
print(json.dumps(found))
"""


NAMES = [
    "SharpnessAware",
    "AdversarialTraining",
    "MixedSampleAugment-mixup",
    "MixedSampleAugment-cutmix",
    "RDrop",
    "Contrastive",
]


@pytest.mark.parametrize(
    "names", [["MeanTeacher"], pytest.param(NAMES, id="the others", marks=pytest.mark.release)]
)
def test_two_devices_give_the_numbers_of_one_and_stay_together(names):
    """Weights, averages and seeds are the same on both, with random draws too."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *names], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    for name in names:
        if f"steady {name} 1" in found:  # mixed samples are always random
            one, _, weights = found[f"steady {name} 1"]
            two, spread, weights_of_two = found[f"steady {name} 2"]
            assert set(one) == set(two)
            for key in one:
                assert two[key] == pytest.approx(one[key], abs=1e-5), key
            assert weights_of_two == pytest.approx(weights, abs=1e-5), name
            assert spread == 0.0, name
        history, spread, _ = found[f"random {name} 2"]
        assert spread == 0.0, name
        assert all(value == value for values in history.values() for value in values), name
