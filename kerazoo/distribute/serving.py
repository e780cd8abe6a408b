"""`serve`: what a worker or parameter server of an asynchronous training does until its end."""

from __future__ import annotations

import os
import socket
import time

from kerazoo.argument_checks import check_number
from kerazoo.distribute.cluster import Cluster, cluster_from_environment
from kerazoo.errors import ConfigError, RunError

_BETWEEN_LOOKS = 1.0  # seconds
_LOOKS = 3  # in vain, before the chief is taken to be gone


def serve(*, wait: float = 600.0) -> None:
    """Do the chief's work until the chief has ended. For processes that TF_CONFIG calls "worker" or
    "ps"; the chief itself trains (`kerazoo.distribute.AsynchronousLoop`).

    The chief is gone when nothing has listened at its address for three seconds, whether it ended
    or was killed.

    Args:
        wait: seconds for the chief to appear, above 0.

    Raises:
        ConfigError: the environment names no such cluster, or this process is its chief.
        RunError: no chief appeared in time, or this process's own port is taken.

    >>> import kerazoo
    >>> kerazoo.distribute.serve()  # doctest: +SKIP
    """
    import tensorflow as tf

    check_number("wait", wait, above=0)
    cluster = _own_cluster()
    # Requests that wait for each other hold a thread each: with as many threads as cores, a small
    # machine's server comes to a stand.
    threads = max(os.cpu_count() or 1, len(cluster.workers) + 2)
    options = tf.compat.v1.ConfigProto(inter_op_parallelism_threads=threads)
    try:
        server = tf.distribute.Server(
            tf.train.ClusterSpec(cluster.jobs), cluster.job, cluster.index, "grpc", options
        )
    except tf.errors.OpError as error:
        address = cluster.jobs[cluster.job][cluster.index]
        reason = " ".join(str(error).split())[:200]
        raise RunError(f"{cluster.job} {cluster.index} cannot serve {address}: {reason}") from error
    _wait_for_the_end(str(cluster.chief), wait)
    del server


def _own_cluster() -> Cluster:
    cluster = cluster_from_environment()
    if cluster is None or cluster.chief is None:
        raise ConfigError("`serve` needs TF_CONFIG with a 'chief', a 'worker' and a 'ps' at least.")
    if cluster.job == "chief":
        raise ConfigError("This process is the chief: train here, and serve in the others.")
    return cluster


def _wait_for_the_end(chief: str, wait: float) -> None:
    until = time.monotonic() + wait
    while not _listens(chief):
        if time.monotonic() > until:
            raise RunError(f"No chief appeared at {chief} in {wait:g} s.")
        time.sleep(_BETWEEN_LOOKS)
    missed = 0
    while missed < _LOOKS:
        time.sleep(_BETWEEN_LOOKS)
        missed = 0 if _listens(chief) else missed + 1


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except OSError:
        return False
    return True
