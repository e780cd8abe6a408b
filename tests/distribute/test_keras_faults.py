"""Whether the installed Keras still has the faults that kerazoo/distribute/keras_trainer.py mends.

A failure here is good news: drop what that file names, and raise the Keras that pyproject.toml asks
for. All is Keras's own code on models that kerazoo has not touched.
"""

import json
import sys

import pytest

from tests.distribute import local_workers

PROBE = """
import json, os, sys
import tensorflow as tf
if "TF_CONFIG" in os.environ:
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
else:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
import keras
import numpy as np
from keras.src.backend.tensorflow.trainer import reduce_per_replica

x, y = np.ones((12, 1), "float32"), np.ones((12, 1), "float32")
faults = {}

def probe(name, function, is_right=lambda result: True):
    try:
        faults[name] = "" if is_right(function()) else "wrong result"
    except Exception as error:
        faults[name] = str(error)

def model(**kwargs):
    with strategy.scope():
        made = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        made.compile("sgd", "mse", **kwargs)
    return made

@tf.function
def logs():
    return reduce_per_replica({"loss": strategy.run(lambda: tf.constant(1.0))}, strategy, "auto")

if "TF_CONFIG" in os.environ:
    probe("build", lambda: model().fit(x, y, batch_size=4, verbose=0))
    probe("logs", logs)
else:
    probe("executions", lambda: model(steps_per_execution=3).fit(x, y, batch_size=4, verbose=0))
    probe("on batch", lambda: model().predict_on_batch(x), lambda result: len(result) == 12)
print(json.dumps(faults))
"""


def faults(workers):
    (output, _), *_ = local_workers.run([sys.executable, "-c", PROBE], workers)
    return json.loads(output.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.release
@pytest.mark.usefixtures("tensorflow_backend")
def test_keras_still_fails_under_several_workers():
    found = faults(workers=2)
    assert "PerReplica" in found["build"], "fault 1 is mended"
    assert found["logs"], "fault 2 is mended"


@pytest.mark.slow
@pytest.mark.usefixtures("tensorflow_backend")
def test_keras_still_fails_on_several_replicas():
    found = faults(workers=1)
    assert "placeholder" in found["executions"], "fault 3 is mended"
    assert found["on batch"], "fault 4 is mended"
