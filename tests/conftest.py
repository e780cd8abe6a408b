"""What all tests share. Nothing here needs a network or a data pack."""

import gc
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Before TensorFlow is imported: no start-up lines, and no test ever downloads from the internet.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAZOO_OFFLINE"] = "1"
# Nearly every test compiles something small and runs it once: time goes into compiling, and into
# the garbage collector's visits to the million objects of TensorFlow. Numbers are the same.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
gc.set_threshold(100_000, 50, 100)
# What a shell starts in the background is deaf to Ctrl-C, and so are its children; tests send it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# The same cases each time, and none fails because the machine is busy.
settings.register_profile(
    "kerazoo", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("kerazoo")
if os.environ.get("KERAZOO_DATA"):  # tests change the current folder
    os.environ["KERAZOO_DATA"] = str(Path(os.environ["KERAZOO_DATA"]).resolve())


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    """Keras draws the seeds of fresh weights and of dropout from Python's generator: they are the
    same each time, whichever tests ran before this one."""
    random.seed(0)


@pytest.fixture(autouse=True, scope="module")
def old_objects_are_not_collected():
    """TensorFlow's converter collects garbage by itself, in each of a thousand exports. To look
    through what imports and earlier files left behind, a million objects, took a fifth of the time.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture
def notices(monkeypatch, caplog):
    """Every line said to the user in this test, also those said before: call it for the list."""
    monkeypatch.setattr("kerazoo.notices._said", set())
    caplog.set_level("WARNING", logger="kerazoo")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "kerazoo"]


@pytest.fixture
def zoo_state(monkeypatch):
    """Configs and builders that a test adds are gone after it."""
    from kerazoo.zoo import catalogue, registry

    monkeypatch.setattr(catalogue, "_added", {})
    monkeypatch.setattr(registry, "_registered", {})
    yield
    catalogue._read_once.cache_clear()


@pytest.fixture
def data_pack():
    """The folder of real data; the test is skipped where KERAZOO_DATA does not name one."""
    folder = os.environ.get("KERAZOO_DATA")
    if not folder or not (Path(folder) / "mnist.npz").is_file():
        pytest.skip("needs mnist.npz in the folder KERAZOO_DATA")
    return Path(folder)


@pytest.fixture
def data_file():
    """Call it with a file's name, for its path in KERAZOO_DATA; the test is skipped without it."""

    def find(name):
        path = Path(os.environ.get("KERAZOO_DATA", "")) / name
        if not os.environ.get("KERAZOO_DATA") or not path.is_file():
            pytest.skip(f"needs {name} in the folder KERAZOO_DATA")
        return path

    return find


@pytest.fixture
def tensorflow_backend():
    """For tests of what only TensorFlow does; skipped where KERAS_BACKEND names another backend."""
    import keras

    if keras.backend.backend() != "tensorflow":
        pytest.skip("needs KERAS_BACKEND=tensorflow")


_TWO_DEVICES = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
"""


@pytest.fixture
def on_two_devices(tensorflow_backend):
    """Call it with code that sees "CPU:0" and "CPU:1" as `tf`: gives what the code prints.

    In a process of its own, since devices are fixed once TensorFlow has started.
    """

    def run(code):
        command = [sys.executable, "-c", _TWO_DEVICES + code]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    return run
