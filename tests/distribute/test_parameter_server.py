"""Asynchronous training with real processes: a chief, two workers and a parameter server."""

import contextlib
import json
import os
import subprocess
import sys

import pytest

from kerazoo.distribute import Cluster, serve
from kerazoo.distribute.free_ports import reserved_ports
from kerazoo.errors import ConfigError, RunError

PROGRAM = """
import json, sys
import kerazoo
if kerazoo.distribute.cluster_from_environment().job != "chief":
    kerazoo.distribute.serve(wait=120)
    sys.exit()

import keras, numpy as np
x = np.random.default_rng(0).normal(size=(500, 8)).astype("float32")
y = (x.sum(axis=1) > 0).astype("int32")
Batches = kerazoo.datasets.Batches
batches = Batches(x[:400], y[:400], batch_size=16)
held_out = Batches(x[400:], y[400:], batch_size=30, shuffle=False)
with kerazoo.distribute.strategy("parameter_server").scope():
    keras.utils.set_random_seed(0)
    layers = [keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
steps = []
history = kerazoo.distribute.AsynchronousLoop(model).fit(
    batches, epochs=int(sys.argv[1]), validation=held_out,
    on_epoch_end=[lambda epoch, logs: steps.append(int(model.optimizer.iterations.value.numpy()))],
)
plain = keras.models.clone_model(keras.Sequential(layers))
plain.set_weights(model.get_weights())
accuracy = float(np.mean(plain(x[400:]).numpy().argmax(1) == y[400:]))
with kerazoo.distribute.strategy("parameter_server").scope():
    model.compile(keras.optimizers.SGD(0.01, use_ema=True), loss, jit_compile=False)
kerazoo.distribute.AsynchronousLoop(model).fit(batches, epochs=1)
averages = model.optimizer._model_variables_moving_average
pairs = zip(model.trainable_variables, averages)
averaged = all(np.array_equal(weight.numpy(), average.numpy()) for weight, average in pairs)
try:
    kerazoo.training.Loop(model)
except kerazoo.errors.ConfigError as error:
    refused = str(error)
print(json.dumps({"steps": steps, "history": history, "accuracy": accuracy,
                  "averaged": averaged, "refused": refused}))
"""


def start(job, index, jobs, epochs):
    task = {"type": job, "index": index}
    tf_config = json.dumps({"cluster": jobs, "task": task})
    environ = {**os.environ, "TF_CONFIG": tf_config, "TF_GRPC_REUSE_PORT": "true"}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(epochs)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
    )


@contextlib.contextmanager
def running_cluster(epochs):
    """Processes by (job, index), all ended afterwards."""
    with reserved_ports(4) as ports:
        addresses = [f"127.0.0.1:{port}" for port in ports]
        jobs = {"chief": addresses[:1], "worker": addresses[1:3], "ps": addresses[3:]}
        places = [(job, index) for job in jobs for index in range(len(jobs[job]))]
        running = {(job, index): start(job, index, jobs, epochs) for job, index in places}
        try:
            yield running
        finally:
            for process in running.values():
                process.kill()
                process.communicate()


def end_of(process, name):
    """What it printed last; it has to end by itself, and well."""
    output, errors = process.communicate(timeout=200)
    assert process.returncode == 0, (name, errors[-2000:])
    return output


@pytest.mark.slow
def test_no_step_is_lost_the_loss_falls_and_all_processes_end():
    with running_cluster(epochs=4) as cluster:
        found = json.loads(end_of(cluster["chief", 0], "chief").splitlines()[-1])
        assert found["steps"] == [25, 50, 75, 100]
        history = found["history"]
        assert history["loss"][-1] < 0.5 * history["loss"][0]
        assert history["val_accuracy"][-1] == pytest.approx(found["accuracy"])
        assert found["accuracy"] > 0.9
        assert found["averaged"]
        assert "kerazoo.distribute.AsynchronousLoop" in found["refused"]
        for name, process in cluster.items():
            if name[0] != "chief":
                end_of(process, name)


@pytest.mark.slow
@pytest.mark.release
def test_a_killed_worker_is_done_without():
    with running_cluster(epochs=12) as cluster:
        chief = cluster["chief", 0]
        for line in chief.stderr:
            if line.startswith("epoch 1/"):
                break
        cluster["worker", 1].kill()
        found = json.loads(end_of(chief, "chief").splitlines()[-1])
        assert len(found["steps"]) == 12
        assert found["steps"][-1] >= 12 * 25  # a step that broke off half-way is done again
        assert found["accuracy"] > 0.9


def environment_of(monkeypatch, job, chief="127.0.0.1:1"):
    cluster = Cluster(("127.0.0.1:2",), 0, job, chief, ("127.0.0.1:3",))
    monkeypatch.setenv("TF_CONFIG", cluster.tf_config())


def test_serve_is_for_workers_and_servers(monkeypatch):
    with pytest.raises(ConfigError, match="needs TF_CONFIG with a 'chief'"):
        serve()
    environment_of(monkeypatch, "chief")
    with pytest.raises(ConfigError, match="This process is the chief"):
        serve()
    with pytest.raises(ConfigError, match="`wait` must be a finite number above 0"):
        serve(wait=0)


def test_the_strategy_is_the_chief_s(monkeypatch):
    from kerazoo.distribute import strategy

    environment_of(monkeypatch, "worker")
    for kind in ("auto", "parameter_server"):
        with pytest.raises(ConfigError, match="worker 0, and the strategy is the chief's.*serve()"):
            strategy(kind)
    with pytest.raises(ConfigError, match="Use the strategy 'parameter_server'"):
        strategy("multi_worker")


def test_a_chief_that_does_not_appear_is_given_up(monkeypatch):
    from kerazoo.distribute import serving

    monkeypatch.setattr(serving, "_BETWEEN_LOOKS", 0.01)
    with pytest.raises(RunError, match="No chief appeared at 127.0.0.1:1 in 0.05 s"):
        serving._wait_for_the_end("127.0.0.1:1", 0.05)


def test_a_model_of_another_strategy_is_refused(tensorflow_backend):
    import keras

    from kerazoo.distribute import AsynchronousLoop

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ConfigError, match="not made in the scope of"):
        AsynchronousLoop(model)


def test_what_broke_off_is_one_line():
    import tensorflow as tf

    from kerazoo.distribute.parameter_server import _what_broke_off

    gone = tf.errors.UnavailableError(
        None, None, "Socket closed\nAdditional GRPC error information"
    )
    assert _what_broke_off(4, gone) == (
        "Epoch 5 broke off: a parameter server is gone (UnavailableError: Socket closed). Its "
        "weights are lost: start all again."
    )
    wrong = tf.errors.InvalidArgumentError(None, None, "\nlabels out of range\n[[node]]")
    assert _what_broke_off(0, wrong) == (
        "Epoch 1 broke off: InvalidArgumentError: labels out of range."
    )
