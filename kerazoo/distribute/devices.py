"""What TensorFlow has to be told about devices before it starts: memory, virtual devices.

TensorFlow fixes its devices when it first computes something. What is asked for after that is no
error if it is so already; otherwise it is said in one line, with what to do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from kerazoo.argument_checks import check_integer
from kerazoo.errors import ConfigError, DataError
from kerazoo.notices import notice

_FIRST = "Call kerazoo.distribute.strategy before anything else that computes with TensorFlow"


def has_started() -> bool:
    """Whether TensorFlow has fixed its devices in this process."""
    import tensorflow as tf

    # Of all that it refuses to change then, this setting is the one without side effects.
    threads = tf.config.threading.get_inter_op_parallelism_threads()
    try:
        tf.config.threading.set_inter_op_parallelism_threads(threads + 1)
    except RuntimeError:
        return True
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    return False


def available() -> str:
    """The devices in words: "2 CPU devices, 1 GPU". Starts nothing."""
    import tensorflow as tf

    counts: dict[str, int] = {}
    for device in tf.config.list_physical_devices():
        virtual = tf.config.get_logical_device_configuration(device) or [None]
        counts[device.device_type] = counts.get(device.device_type, 0) + len(virtual)
    return ", ".join(f"{n} {kind} device{'s' * (n > 1)}" for kind, n in counts.items())


def check_devices(devices: Sequence[str]) -> list[tuple[str, int]]:
    """ "CPU:1" and TensorFlow's longer names as (type, number).

    Raises:
        ConfigError: one is no name of a CPU or GPU, or stands there twice, or there is none.
    """
    if isinstance(devices, str) or not devices:
        raise ConfigError(
            f"`devices` must be a list such as ['GPU:0', 'GPU:1']. Received: {devices!r}."
        )
    found = []
    for name in devices:
        match = re.fullmatch(r"(?:/?(?:\S+/)?(?:device:)?)(CPU|GPU):([0-9]{1,4})", str(name), re.I)
        if not match:
            raise ConfigError(f"A device is called 'CPU:0' or 'GPU:1'. Received: {name!r}.")
        found.append((match[1].upper(), int(match[2])))
    if len(set(found)) < len(found):
        raise ConfigError(f"`devices` must all differ. Received: {list(devices)}.")
    return found


def prepare_cpus(count: int) -> None:
    """See to it that there are `count` CPU devices: where there are fewer, virtual ones are made.

    Raises:
        DataError: TensorFlow has started with fewer.
    """
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    there = len(tf.config.get_logical_device_configuration(cpu) or [None])
    if there >= count:
        return
    if has_started():
        raise DataError(
            f"TensorFlow has started with {there} of the {count} CPU devices asked for. {_FIRST}."
        )
    virtual = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
    tf.config.set_logical_device_configuration(cpu, virtual)


def prepare_gpus(*, memory_growth: bool, memory_limit: int | None) -> None:
    """Let the GPUs' memory grow with need, or take `memory_limit` MiB of each.

    Raises:
        ConfigError: the limit is no number of 1 or above.
        DataError: TensorFlow has started with another limit.
    """
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if memory_limit is not None:
        check_integer("memory_limit", memory_limit)
        if not gpus:
            notice(f"memory_limit={memory_limit} does nothing: no GPU was found.")
        for gpu in gpus:
            _limit_memory(gpu, memory_limit)
    elif memory_growth:
        for gpu in gpus:
            _let_memory_grow(gpu)


def _limit_memory(gpu: Any, mebibytes: int) -> None:
    import tensorflow as tf

    wanted = [tf.config.LogicalDeviceConfiguration(memory_limit=mebibytes)]
    if tf.config.get_logical_device_configuration(gpu) == wanted:
        return
    if has_started():
        raise DataError(
            f"memory_limit={mebibytes} comes too late: TensorFlow has started, and its GPU memory "
            f"is laid out. {_FIRST}."
        )
    tf.config.set_logical_device_configuration(gpu, wanted)


def _let_memory_grow(gpu: Any) -> None:
    import tensorflow as tf

    if tf.config.get_logical_device_configuration(gpu):  # a memory limit, and growth is no more
        return
    if tf.config.experimental.get_memory_growth(gpu):
        return
    if has_started():
        notice(
            f"GPU memory does not grow with need: TensorFlow has started, and took all of it. "
            f"{_FIRST}, or set TF_FORCE_GPU_ALLOW_GROWTH=true."
        )
        return
    tf.config.experimental.set_memory_growth(gpu, True)
