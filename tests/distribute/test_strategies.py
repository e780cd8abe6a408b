"""`kerazoo.distribute.strategy` on a machine whose devices are known: CPUs only.

No GPU and no TPU is here: what would happen to them is seen by standing in for TensorFlow's calls.
"""

import os
import socket
import subprocess
import sys
import threading
import types

import pytest
import tensorflow as tf

from kerazoo.distribute import Cluster, devices, strategies, strategy, tpu
from kerazoo.errors import ConfigError, DataError, RunError, UnknownNameError, WorkerLostError

needs_no_gpu = pytest.mark.skipif(
    bool(tf.config.list_physical_devices("GPU")), reason="is about machines without a GPU"
)


def in_a_process(code, **environ):
    """What a program prints that has not started TensorFlow yet."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environ}
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


def test_cpu_and_default_place_variables_on_the_cpu():
    for kind in ("cpu", "default", "auto"):
        with strategy(kind).scope():
            assert "CPU" in tf.Variable(1.0).device or tf.config.list_physical_devices("GPU")
    assert strategy("default") is tf.distribute.get_strategy()


def test_mirrored_takes_the_devices_it_is_given():
    mirrored = strategy("mirrored", devices=["CPU:0"])
    assert isinstance(mirrored, tf.distribute.MirroredStrategy)
    assert mirrored.num_replicas_in_sync == 1


@needs_no_gpu
@pytest.mark.parametrize("kind", ["gpu", "mirrored"])
def test_a_missing_gpu_is_said_with_what_there_is(kind):
    with pytest.raises(DataError, match=r"No GPU .* Available: \d CPU device"):
        strategy(kind)


def test_unknown_kind():
    with pytest.raises(UnknownNameError, match="Did you mean 'mirrored'"):
        strategy("miror")
    with pytest.raises(UnknownNameError, match="Did you mean 'nccl'"):
        strategy("mirrored", communication="ncl")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"kind": "mirrored", "devices": "CPU:0"}, "must be a list such as"),
        ({"kind": "mirrored", "devices": []}, "must be a list such as"),
        ({"kind": "mirrored", "devices": ["CPU"]}, "'CPU:0' or 'GPU:1'. Received: 'CPU'"),
        ({"kind": "mirrored", "devices": ["CPU:0", "/device:cpu:0"]}, "must all differ"),
        ({"kind": "cpu", "devices": ["GPU:0"]}, "'cpu' is one CPU"),
        ({"kind": "cpu", "devices": ["CPU:0", "CPU:1"]}, "'cpu' is one CPU"),
        ({"kind": "multi_worker", "devices": ["CPU:0"]}, "`devices` is for"),
        ({"kind": "cpu", "tpu": "local"}, "`tpu` is for"),
        ({"kind": "mirrored", "devices": ["CPU:0"], "communication": "ring"}, "'ring' is for"),
        ({"kind": "multi_worker"}, "kerazoo launch --workers 2"),
        ({"kind": "parameter_server"}, "needs TF_CONFIG with a 'chief'"),
        ({"memory_limit": 0}, "`memory_limit` must be an integer of 1 or above"),
    ],
)
def test_arguments_that_do_not_go_together_are_one_line(arguments, said):
    with pytest.raises(ConfigError, match=said) as caught:
        strategy(**arguments)
    assert "\n" not in str(caught.value)


BEFORE_AND_AFTER = """
import kerazoo, tensorflow as tf
from kerazoo.distribute import devices
from kerazoo.errors import DataError
print(devices.has_started(), tf.config.threading.get_inter_op_parallelism_threads())
two = kerazoo.distribute.strategy("mirrored", devices=["CPU:0", "CPU:1"])
print(two.num_replicas_in_sync, devices.has_started(), devices.available())
again = kerazoo.distribute.strategy("auto", devices=["CPU:1", "CPU:0"])
print(again.num_replicas_in_sync)
for kind, more in (("mirrored", ["CPU:2"]), ("multi_worker", None)):
    try:
        kerazoo.distribute.strategy(kind, devices=more)
    except DataError as error:
        print(error)
"""


TWO_WORKERS = Cluster(("127.0.0.1:1", "127.0.0.1:2"), index=0).tf_config()


def test_what_comes_too_late_is_said(monkeypatch):
    tf.constant(0)  # TensorFlow has started
    missing = f"CPU:{len(tf.config.list_logical_devices('CPU'))}"
    monkeypatch.setenv("TF_CONFIG", TWO_WORKERS)
    for kind, wanted, said in (
        ("mirrored", ["CPU:0", missing], r"TensorFlow has started with \d of the \d CPU devices"),
        ("multi_worker", None, "TensorFlow has started without its cluster"),
    ):
        with pytest.raises(DataError, match=said):
            strategy(kind, devices=wanted)


@pytest.mark.slow
def test_virtual_cpus_are_made_in_time_and_said_when_it_is_too_late():
    lines = in_a_process(BEFORE_AND_AFTER, TF_CONFIG=TWO_WORKERS)
    assert lines[:3] == ["False 0", "2 True 2 CPU devices", "2"]
    assert lines[3].startswith("TensorFlow has started with 2 of the 3 CPU devices asked for")
    assert lines[4].startswith("TensorFlow has started without its cluster")


ONE_WORKER = """
import kerazoo, tensorflow as tf
alone = kerazoo.distribute.strategy("multi_worker", communication="ring")
print(type(alone).__name__, alone.cluster_resolver.task_id, alone.num_replicas_in_sync)
print(alone is kerazoo.distribute.strategy("multi_worker", communication="ring"))
print(type(kerazoo.distribute.strategy()).__name__)
"""


@pytest.mark.slow
def test_a_cluster_is_joined_once():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    lines = in_a_process(ONE_WORKER, TF_CONFIG=Cluster((address,), index=0).tf_config())
    assert lines[:2] == ["CollectiveAllReduceStrategy 0 1", "True"]
    assert lines[2] == "_DefaultDistributionStrategy"  # one worker is no cluster to "auto"


@pytest.fixture
def gpus(monkeypatch):
    """A machine with two GPUs, by what TensorFlow says of it; `set` is what it was told."""
    machine = types.SimpleNamespace(set=[], growth=False, started=False)
    found = [types.SimpleNamespace(name=f"gpu{i}", device_type="GPU") for i in range(2)]
    cpu = types.SimpleNamespace(name="cpu0", device_type="CPU")
    limits = {}

    def list_physical_devices(kind=None):
        return {"GPU": found, "CPU": [cpu], None: [cpu, *found]}[kind]

    def limit(gpu, configuration):
        machine.set.append((gpu.name, configuration[0].memory_limit))
        limits[gpu.name] = configuration

    monkeypatch.setattr(tf.config, "list_physical_devices", list_physical_devices)
    monkeypatch.setattr(tf.config, "set_logical_device_configuration", limit)
    monkeypatch.setattr(
        tf.config, "get_logical_device_configuration", lambda device: limits.get(device.name)
    )
    monkeypatch.setattr(tf.config.experimental, "get_memory_growth", lambda gpu: machine.growth)
    monkeypatch.setattr(
        tf.config.experimental,
        "set_memory_growth",
        lambda gpu, on: machine.set.append((gpu.name, on)),
    )
    monkeypatch.setattr(devices, "has_started", lambda: machine.started)
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda *given: given)
    return machine


def test_memory_grows_on_each_gpu_and_auto_mirrors_over_all(gpus):
    assert strategy() == (["/GPU:0", "/GPU:1"], None)
    assert gpus.set == [("gpu0", True), ("gpu1", True)]
    paths, way = strategy("mirrored", devices=["GPU:1"], communication="nccl", memory_growth=False)
    assert paths == ["/GPU:1"]
    assert isinstance(way, tf.distribute.NcclAllReduce)
    with pytest.raises(DataError, match="No GPU:2 is there. Available: 1 CPU device, 2 GPU device"):
        strategy("mirrored", devices=["GPU:2"])


def test_a_memory_limit_is_set_once_and_too_late_is_said(gpus, notices):
    strategy(memory_limit=2048)
    gpus.started = True
    strategy(memory_limit=2048)  # it is so already
    assert gpus.set == [("gpu0", 2048), ("gpu1", 2048)]
    with pytest.raises(DataError, match="memory_limit=1024 comes too late"):
        strategy(memory_limit=1024)
    assert not notices()


def test_memory_growth_that_comes_too_late_is_a_line(gpus, notices):
    gpus.started = gpus.growth = True
    strategy()  # it is so already
    assert not notices()
    gpus.growth = False
    strategy()
    assert ["TF_FORCE_GPU_ALLOW_GROWTH" in line for line in notices()] == [True]
    assert gpus.set == []


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"TPU_NAME": "mine", "TPU_WORKER_ID": "0"}, "mine"),
        ({"COLAB_TPU_ADDR": "10.0.0.2:8470"}, "grpc://10.0.0.2:8470"),
        ({"KUBE_GOOGLE_CLOUD_TPU_ENDPOINTS": "grpc://10.0.0.2:8470"}, "grpc://10.0.0.2:8470"),
        ({"TPU_WORKER_ID": "0"}, "local"),
    ],
)
def test_signs_of_a_tpu(environ, expected, tmp_path):
    assert tpu.find_tpu(environ, tmp_path) == expected
    (tmp_path / "accel0").touch()
    assert tpu.find_tpu(environ, tmp_path) == (expected or "local")


@pytest.fixture
def stand_in(monkeypatch):
    """A TPU that answers: `calls` is what TensorFlow was asked for, in order."""
    calls = []

    class Resolver:
        def __init__(self, tpu):
            self.tpu = tpu
            calls.append(("resolve", tpu))

        def master(self):
            return self.tpu

    def note(name, result=None):
        return lambda resolver: calls.append((name, resolver.tpu)) or result

    monkeypatch.setattr(tf.distribute.cluster_resolver, "TPUClusterResolver", Resolver)
    monkeypatch.setattr(tf.config, "experimental_connect_to_cluster", note("connect"))
    monkeypatch.setattr(tf.tpu.experimental, "initialize_tpu_system", note("start"))
    monkeypatch.setattr(tf.distribute, "TPUStrategy", note("strategy", "a TPU"))
    tpu.connect_tpu.cache_clear()
    yield calls
    tpu.connect_tpu.cache_clear()


def test_a_tpu_is_connected_started_once_and_taken_by_auto(stand_in, monkeypatch):
    assert strategy("tpu", tpu="local") == strategy("tpu", tpu="local") == "a TPU"
    assert [name for name, _ in stand_in] == ["resolve", "start", "strategy"]
    stand_in.clear()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"grpc://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("TPU_NAME", address)
        assert strategy() == strategy("tpu") == "a TPU"
    assert stand_in == [(name, address) for name in ("resolve", "connect", "start", "strategy")]


@pytest.mark.parametrize("arguments", [{}, {"kind": "tpu"}, {"tpu": "local"}])
def test_a_host_of_a_slice_of_several_does_not_train_alone(stand_in, monkeypatch, arguments):
    monkeypatch.setenv("TPU_WORKER_HOSTNAMES", "a,b")
    monkeypatch.setenv("TPU_WORKER_ID", "1")
    with pytest.raises(ConfigError, match="a slice of 2 hosts .* Take a slice of one host"):
        strategy(**arguments)
    assert stand_in == []
    monkeypatch.setenv("TPU_WORKER_HOSTNAMES", "a")
    assert strategy(**arguments) == "a TPU"


def test_a_tpu_that_does_not_answer_is_a_line(stand_in, monkeypatch, notices):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"grpc://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(DataError, match=r"No TPU answered at 'grpc.* Available: \d CPU dev"):
        strategy("tpu", tpu=address)
    monkeypatch.setenv("TPU_NAME", address)
    assert strategy() is strategy("default")
    assert len(notices()) == 1
    assert notices()[0].startswith("Training goes on without a TPU. No TPU answered")


def test_a_tpu_that_hangs_is_given_up(stand_in, monkeypatch):
    forever = threading.Event()
    monkeypatch.setattr(tpu, "_START_SECONDS", 0.05)
    monkeypatch.setattr(tf.tpu.experimental, "initialize_tpu_system", lambda _: forever.wait(60))
    with pytest.raises(DataError, match="No TPU answered at 'local' in 0.05 s"):
        strategy("tpu", tpu="local")
    forever.set()


@needs_no_gpu
def test_without_gpus_to_mirror_on_the_argument_and_the_option_are_named():
    with pytest.raises(DataError, match=r"Name `devices`.* --set 'distribution\.devices=\[CPU:0"):
        strategy("mirrored")


@needs_no_gpu
def test_this_machine_has_no_tpu_and_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(strategies, "find_tpu", lambda: None)
    with pytest.raises(DataError, match="Nothing says where a TPU is"):
        strategy("tpu")
    with pytest.raises(DataError, match="No TPU answered at 'local': TPUs not found"):
        strategy("tpu", tpu="local")


def test_a_worker_that_cannot_join_says_so_in_one_line():
    cluster = Cluster(("a:1", "b:2"), 1, source="TF_CONFIG")
    for raised, kind in (
        (tf.errors.UnknownError(None, None, "Could not start\n gRPC server"), RunError),
        (tf.errors.DeadlineExceededError(None, None, "no answer"), WorkerLostError),
    ):
        says = r"worker 1 cannot join the others \(TF_CONFIG\): "
        with pytest.raises(kind, match=says) as error, strategies._joining(cluster):
            raise raised
        assert "\n" not in str(error.value)
