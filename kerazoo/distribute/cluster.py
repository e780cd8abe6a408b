"""`Cluster`: which processes train together and which of them this one is, from its environment.

Whoever starts the processes says so in environment variables: TF_CONFIG (tf_config.py), or those of
Slurm (slurm.py), of a Kubernetes Indexed Job or JobSet, or of a TPU slice in GKE (kubernetes.py).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kerazoo.distribute import kubernetes, slurm
from kerazoo.distribute.tf_config import read_tf_config
from kerazoo.errors import ConfigError

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True)
class Cluster:
    """The processes of one training, as each of them sees it.

    Attributes:
        workers: "host:port" of each, in the order of their ranks. Without parameter servers the
            first one is the chief: it writes the files.
        index: of this process among those of its `job`, 0 or above.
        job: what this process is: "worker", or, with parameter servers, "chief" or "ps".
        chief: with parameter servers, "host:port" of the process that gives the others their work.
        parameter_servers: "host:port" of each.
        source: where this was read, for messages.

    Raises:
        ConfigError: an address is none or stands there twice, or there is no such process.

    >>> import kerazoo
    >>> cluster = kerazoo.distribute.Cluster(("a:2222", "b:2222"), index=1)
    >>> cluster.tf_config()
    '{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 1}}'
    """

    workers: tuple[str, ...]
    index: int
    job: str = "worker"
    chief: str | None = None
    parameter_servers: tuple[str, ...] = ()
    source: str = "the cluster"

    def __post_init__(self) -> None:
        addresses = [address for job in self.jobs.values() for address in job]
        for address in addresses:
            _check_address(address, self.source)
        twice = sorted({address for address in addresses if addresses.count(address) > 1})
        if twice:
            raise ConfigError(
                f"{self.source}: each process has an address of its own. Twice: {twice[0]!r}."
            )
        count = len(self.jobs.get(self.job, []))
        if not 0 <= self.index < count:
            raise ConfigError(
                f"{self.source}: this process is {self.job} {self.index}, of {count}, which are "
                f"counted from 0."
            )

    @property
    def jobs(self) -> dict[str, list[str]]:
        """Job -> addresses, as TensorFlow's ClusterSpec takes it."""
        jobs = {
            "chief": [self.chief] if self.chief else [],
            "worker": list(self.workers),
            "ps": list(self.parameter_servers),
        }
        return {job: addresses for job, addresses in jobs.items() if addresses}

    @property
    def is_chief(self) -> bool:
        """Whether this process writes what the training leaves behind."""
        return self.job == ("chief" if self.chief else "worker") and self.index == 0

    def tf_config(self) -> str:
        """The value of TF_CONFIG that says the same."""
        task = {"type": self.job, "index": self.index}
        return json.dumps({"cluster": self.jobs, "task": task})

    def resolver(self) -> tf.distribute.cluster_resolver.ClusterResolver:
        """The same for TensorFlow's strategies and servers."""
        import tensorflow as tf

        return tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec(self.jobs),
            task_type=self.job,
            task_id=self.index,
            rpc_layer="grpc",
        )


def cluster_from_environment(environ: Mapping[str, str] = os.environ) -> Cluster | None:
    """The cluster that this process was started for; None where nothing says that it has peers.

    TF_CONFIG counts before a Slurm step, that before a Kubernetes Indexed Job, that before GKE's
    TPU hosts. KERAZOO_PORT sets the (first) port of the three that know host names only.

    Args:
        environ: environment variables, by name.

    Raises:
        ConfigError: the variables are there and wrong; the line names the variable.

    >>> import kerazoo
    >>> slurm = {"SLURM_PROCID": "2", "SLURM_STEP_NODELIST": "node[01-02]", "KERAZOO_PORT": "9000",
    ...          "SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_TASKS_PER_NODE": "2(x2)"}
    >>> cluster = kerazoo.distribute.cluster_from_environment(slurm)
    >>> cluster.workers[cluster.index]
    'node02:9000'
    """
    fields = (
        read_tf_config(environ)
        or slurm.step(environ)
        or kubernetes.indexed_job(environ)
        or kubernetes.tpu_hosts(environ)
    )
    return None if fields is None else Cluster(**fields)


def _check_address(address: str, source: str) -> None:
    host, colon, port = address.rpartition(":")
    is_host = host != "" and (":" not in host or (host[0], host[-1]) == ("[", "]"))
    if not (is_host and colon and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ConfigError(f"{source}: an address is 'host:port'. Received: {address!r}.")
