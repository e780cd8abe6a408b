"""Scripts run in several processes of this machine that train together, or in one."""

import json
import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np

CASES = Path(__file__).with_name("cases.py")


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start(command, workers=1):
    """The processes of `command`, the chief first."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(workers)]
    processes = []
    for index in range(workers):
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_NUM_INTRAOP_THREADS": "1"}
        environment.pop("TF_CONFIG", None)
        if workers > 1:
            task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            environment["TF_CONFIG"] = json.dumps(task)
        processes.append(
            subprocess.Popen(
                command,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return processes


def run(command, workers=1, timeout=1200):
    """(standard output, standard error) of each; all have to end well."""
    processes = start(command, workers)
    try:
        outputs = [process.communicate(timeout=timeout) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (_, errors) in zip(processes, outputs, strict=True):
        assert process.returncode == 0, errors[-3000:]
    return outputs


def run_cases(strategy, folder, names, workers=1):
    """What each worker's cases gave: a list of dicts, of one strategy after the other."""
    run([sys.executable, str(CASES), strategy, str(folder), *names], workers)
    files = [f"{kind}-{worker}.pickle" for kind in strategy.split(",") for worker in range(workers)]
    return [pickle.loads((folder / file).read_bytes()) for file in files]


def assert_same(results, expected, *, atol=1e-5, weights_atol=1e-4):
    """All numbers of `results` are those of `expected`."""
    for name, wanted in expected.items():
        mine = results[name]
        assert not isinstance(mine, str), f"{name}: {mine}"
        assert not isinstance(wanted, str), f"{name}, alone: {wanted}"
        paths = list(zip(_leaves(mine), _leaves(wanted), strict=True))
        assert paths
        for (path, value), (same_path, other) in paths:
            assert path == same_path
            assert np.shape(value) == np.shape(other), (name, path)
            tolerance = weights_atol if "weights" in path else atol
            np.testing.assert_allclose(value, other, rtol=0, atol=tolerance, err_msg=name + path)


def _leaves(tree):
    flat = keras.tree.flatten_with_path(tree)
    return [("/".join(map(str, path)), np.asarray(leaf, "float64")) for path, leaf in flat]
