"""From a word to a tf.distribute strategy over the devices and processes that are there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from kerazoo.distribute import devices as device_settings
from kerazoo.distribute.cluster import Cluster, cluster_from_environment
from kerazoo.distribute.devices import available, check_devices, has_started
from kerazoo.distribute.tpu import connect_tpu, find_tpu
from kerazoo.errors import ConfigError, DataError, RunError, WorkerLostError, unknown_name
from kerazoo.notices import notice

if TYPE_CHECKING:
    import tensorflow as tf

KINDS = ("auto", "default", "cpu", "gpu", "mirrored", "multi_worker", "tpu", "parameter_server")
_OF_CLUSTERS = ("auto", "multi_worker", "parameter_server")
COMMUNICATION = ("auto", "nccl", "ring", "copy")
_BYTES_PER_PACK = 4 * 2**20  # of gradients that CPUs exchange while the next ones are computed


def strategy(
    kind: str = "auto",
    *,
    devices: Sequence[str] | None = None,
    memory_growth: bool = True,
    memory_limit: int | None = None,
    communication: str = "auto",
    tpu: str | None = None,
) -> tf.distribute.Strategy:
    """The strategy called `kind`. Call it before anything else that computes with TensorFlow.

    | kind | trains on |
    |---|---|
    | "auto" | a TPU, if something says that there is one and it answers; else the cluster that the environment names; else all GPUs, mirrored if several; else the CPU |
    | "default" | what TensorFlow takes by itself |
    | "cpu", "gpu" | the first such device, or the one in `devices` |
    | "mirrored" | all GPUs, or `devices`: each has a copy of the model and a part of each batch |
    | "multi_worker" | the processes of `cluster_from_environment()`, likewise |
    | "tpu" | the cores of `tpu` |
    | "parameter_server" | the workers of the cluster, each at its own pace; on its chief |

    Args:
        devices: such as `["GPU:0", "GPU:1"]`. "auto" mirrors on several. CPUs that the machine does
            not have ("CPU:1") are made as virtual ones, to try things out.
        memory_growth: take GPU memory as it is needed, not all at once.
        memory_limit: MiB of each GPU instead, 1 or above.
        communication: how gradients are added up: "nccl" or "ring" among workers, "nccl" or "copy"
            (over the CPU, where NCCL is missing) among mirrored GPUs; "auto" leaves it to TensorFlow.
        tpu: a TPU's name, "grpc://host:port", or "local" on a TPU VM; if None, where the
            environment says (TPU_NAME and others).

    Raises:
        UnknownNameError: no such kind or way of communication.
        ConfigError: arguments that do not go together, variables of a cluster that are wrong, or a
            TPU slice of several hosts.
        DataError: the machine has no such device, no TPU answers, or TensorFlow has started
            already and can no longer be set up so.

    >>> import kerazoo
    >>> kerazoo.distribute.strategy("cpu").num_replicas_in_sync
    1
    """  # noqa: E501  (a table's row is one line)
    if kind not in KINDS:
        raise unknown_name("strategy", kind, KINDS)
    if communication not in COMMUNICATION:
        raise unknown_name("communication", communication, COMMUNICATION)
    names = None if devices is None else check_devices(devices)
    _check_together(kind, devices, tpu)
    # The cluster is read first: what is wrong there is said before any device is touched.
    cluster = cluster_from_environment() if kind in _OF_CLUSTERS else None
    device_settings.prepare_gpus(memory_growth=memory_growth, memory_limit=memory_limit)
    if kind == "auto":
        kind, tpu = _choose(names, cluster, tpu)
    if kind == "tpu":
        return _on_tpu(tpu)
    if kind == "multi_worker":
        return _multi_worker(cluster, communication)
    if kind == "parameter_server":
        return _parameter_server(cluster)
    if kind == "default":
        import tensorflow as tf

        return tf.distribute.get_strategy()
    return _on_this_machine(kind, names, communication)


def _check_together(kind: str, devices: Sequence[str] | None, tpu: str | None) -> None:
    if devices is not None and kind not in ("auto", "cpu", "gpu", "mirrored"):
        raise ConfigError(
            f"`devices` is for 'auto', 'cpu', 'gpu' and 'mirrored'. Received: {kind!r} with "
            f"{list(devices)}."
        )
    if tpu is not None and kind not in ("auto", "tpu"):
        raise ConfigError(f"`tpu` is for 'auto' and 'tpu'. Received: {kind!r} with {tpu!r}.")


def _choose(
    names: list[tuple[str, int]] | None, cluster: Cluster | None, tpu: str | None
) -> tuple[str, str | None]:
    """The kind that "auto" means here, and the TPU that answered."""
    import tensorflow as tf

    if names is not None:
        return ("mirrored" if len(names) > 1 else names[0][0].lower()), None
    if tpu is not None:
        return "tpu", tpu
    if (found := find_tpu()) is not None:
        try:
            connect_tpu(found)
            return "tpu", found
        except DataError as error:
            notice(f"Training goes on without a TPU. {error}")
    if cluster is not None and cluster.parameter_servers:
        return "parameter_server", None
    if cluster is not None and len(cluster.workers) > 1:
        return "multi_worker", None
    several = len(tf.config.list_physical_devices("GPU")) > 1
    return ("mirrored" if several else "default"), None


def _on_this_machine(
    kind: str, names: list[tuple[str, int]] | None, communication: str
) -> tf.distribute.Strategy:
    import tensorflow as tf

    gpus = len(tf.config.list_physical_devices("GPU"))
    if names is None:
        wanted = [("GPU", i) for i in range(gpus)] if kind == "mirrored" else [(kind.upper(), 0)]
    else:
        wanted = names
    if kind == "mirrored" and not wanted:
        raise DataError(
            f"No GPU to mirror on. Available: {available()}. Name `devices`, such as "
            f"['CPU:0', 'CPU:1'], in a command by --set 'distribution.devices=[CPU:0, CPU:1]'."
        )
    if kind in ("cpu", "gpu") and [name for name, _ in wanted] != [kind.upper()]:
        raise ConfigError(f"{kind!r} is one {kind.upper()}. Received: devices={names}.")
    for name, number in wanted:
        if name == "GPU" and number >= gpus:
            missing = "GPU was found" if not gpus else f"GPU:{number} is there"
            raise DataError(f"No {missing}. Available: {available()}. Use 'cpu' or 'auto'.")
    device_settings.prepare_cpus(1 + max((i for name, i in wanted if name == "CPU"), default=0))
    paths = [f"/{name}:{number}" for name, number in wanted]
    if kind != "mirrored":
        return tf.distribute.OneDeviceStrategy(paths[0])
    return tf.distribute.MirroredStrategy(paths, _mirrored_communication(communication))


def _mirrored_communication(communication: str) -> Any:
    import tensorflow as tf

    if communication == "ring":
        raise ConfigError("'ring' is for 'multi_worker'; mirrored GPUs take 'nccl' or 'copy'.")
    ways = {"nccl": tf.distribute.NcclAllReduce, "copy": tf.distribute.HierarchicalCopyAllReduce}
    return ways[communication]() if communication in ways else None


def _on_tpu(tpu: str | None) -> tf.distribute.Strategy:
    where = tpu or find_tpu()
    if where is None:
        raise DataError(
            f"Nothing says where a TPU is: pass tpu='NAME', 'grpc://host:port' or 'local', or set "
            f"TPU_NAME. Available: {available()}."
        )
    return connect_tpu(where)


def _multi_worker(cluster: Cluster | None, communication: str) -> tf.distribute.Strategy:
    if cluster is None:
        raise ConfigError(
            "'multi_worker' needs a cluster: TF_CONFIG, Slurm's variables or Kubernetes's are not "
            "set. On one machine, `kerazoo launch --workers 2 -- ...` starts the processes."
        )
    if cluster.parameter_servers:
        raise ConfigError(
            f"{cluster.source} names parameter servers. Use the strategy 'parameter_server'."
        )
    if communication == "copy":
        raise ConfigError("'copy' is for mirrored GPUs; workers take 'nccl' or 'ring'.")
    return _join(cluster, communication)


@lru_cache(maxsize=1)  # a process joins its cluster once, and stays in it
def _join(cluster: Cluster, communication: str) -> tf.distribute.Strategy:
    import tensorflow as tf

    if has_started():
        raise DataError(
            "TensorFlow has started without its cluster, which it cannot join any more. Call "
            "kerazoo.distribute.strategy('multi_worker') first of all in the program."
        )
    way = {"nccl": "NCCL", "ring": "RING"}.get(communication, "AUTO")
    implementation = tf.distribute.experimental.CommunicationImplementation[way]
    # 0 is one pack of all gradients, which is sent when the last of them is there (docs/scale.md).
    pack = 0 if tf.config.list_physical_devices("GPU") else _BYTES_PER_PACK
    with _joining(cluster):
        return tf.distribute.MultiWorkerMirroredStrategy(
            cluster_resolver=cluster.resolver(),
            communication_options=tf.distribute.experimental.CommunicationOptions(
                implementation=implementation, bytes_per_pack=pack
            ),
        )


@contextlib.contextmanager
def _joining(cluster: Cluster) -> Iterator[None]:
    """Inside, what TensorFlow says of ports and other processes is one line.

    Raises:
        WorkerLostError: another one did not come, or is gone; the same call may come out better.
        RunError: this one cannot take part.
    """
    import tensorflow as tf

    lost = (tf.errors.UnavailableError, tf.errors.DeadlineExceededError, tf.errors.AbortedError)
    try:
        yield
    except tf.errors.OpError as error:
        reason = " ".join(str(error.message).split())[:200]
        kind = WorkerLostError if isinstance(error, lost) else RunError
        raise kind(
            f"{cluster.job} {cluster.index} cannot join the others ({cluster.source}): {reason}"
        ) from error


def _parameter_server(cluster: Cluster | None) -> tf.distribute.Strategy:
    if cluster is None or not cluster.parameter_servers:
        raise ConfigError(
            "'parameter_server' needs TF_CONFIG with a 'chief', a 'worker' and a 'ps' at least."
        )
    if cluster.job != "chief":
        raise ConfigError(
            f"This process is {cluster.job} {cluster.index}, and the strategy is the chief's: "
            f"call kerazoo.distribute.serve() here."
        )
    return _coordinate(cluster)


@lru_cache(maxsize=1)
def _coordinate(cluster: Cluster) -> tf.distribute.Strategy:
    import tensorflow as tf

    with _joining(cluster):
        return tf.distribute.ParameterServerStrategy(cluster.resolver())
