"""A TPU as a strategy: where one would be, whether it answers, and TPUStrategy on it.

No TPU is looked for unless something says that there is one: TensorFlow's own search asks Google's
metadata server, which elsewhere means waiting.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo.distribute.devices import available
from kerazoo.distribute.kubernetes import tpu_hosts
from kerazoo.errors import ConfigError, DataError

if TYPE_CHECKING:
    import tensorflow as tf

_ANSWER_SECONDS = 5.0  # for a connection to a worker's port
_START_SECONDS = 300.0  # for a slice to start: large ones take minutes


def find_tpu(environ: Mapping[str, str] = os.environ, devices: Path = Path("/dev")) -> str | None:
    """What this machine says of a TPU: its name, its address "grpc://host:port", or "local".

    TPU_NAME counts first, then Colab's COLAB_TPU_ADDR, then GKE's KUBE_GOOGLE_CLOUD_TPU_ENDPOINTS;
    TPU_WORKER_ID, or a device /dev/accel*, mean a TPU VM.
    """
    if name := environ.get("TPU_NAME"):
        return name
    if address := environ.get("COLAB_TPU_ADDR"):
        return address if "://" in address else f"grpc://{address}"
    if addresses := environ.get("KUBE_GOOGLE_CLOUD_TPU_ENDPOINTS"):
        return addresses
    if "TPU_WORKER_ID" in environ or any(devices.glob("accel*")):
        return "local"
    return None


@lru_cache(maxsize=1)  # to start a TPU again would lose what is on it
def connect_tpu(tpu: str) -> tf.distribute.TPUStrategy:
    """Connect to the TPU, start it, and give the strategy over its cores.

    Args:
        tpu: its name in Google Cloud, its address "grpc://host:port", or "local" on a TPU VM.

    Raises:
        ConfigError: "local" would be one host's part of a slice of several.
        DataError: it does not answer, or TensorFlow cannot use it.
    """
    import tensorflow as tf

    if tpu == "local":
        _check_is_whole()

    def connect() -> tf.distribute.TPUStrategy:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=tpu)
        if tpu != "local":
            _check_answers(resolver.master())
            tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)

    return _within(_START_SECONDS, tpu, connect)


def _check_is_whole() -> None:
    """Each host would train alone, and all of them in the same folder."""
    if (fields := tpu_hosts(os.environ)) is not None:
        raise ConfigError(
            f"This host's TPU is a part of a slice of {len(fields['workers'])} hosts "
            f"(TPU_WORKER_HOSTNAMES), and a training here takes those of one host. Take a slice of "
            f"one host, or the strategy 'multi_worker', which trains on the hosts' CPUs."
        )


def _within(seconds: float, tpu: str, connect: Callable[[], Any]) -> Any:
    """What `connect` gives. In a thread: some of what it does waits without an end."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.extend([connect(), None])
        except Exception as error:  # whatever TensorFlow and Google's client make of it
            outcome.extend([None, error])

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise DataError(f"No TPU answered at {tpu!r} in {seconds:g} s. Available: {available()}.")
    strategy, error = outcome
    if error is not None:
        reason = " ".join(str(error).split()).partition(". ")[0] or type(error).__name__
        raise DataError(
            f"No TPU answered at {tpu!r}: {reason[:200].rstrip('.')}. Available: {available()}."
        ) from error
    return strategy


def _check_answers(address: str) -> None:
    host, _, port = address.rpartition("://")[2].partition(",")[0].rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_SECONDS).close()
    except (OSError, ValueError) as error:
        raise ConnectionError(f"{address} is out of reach ({error})") from error
