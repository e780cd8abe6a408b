"""From a word to a tf.distribute strategy over the devices that are there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kerazoo.errors import DataError, unknown_name

if TYPE_CHECKING:
    import tensorflow as tf

KINDS = ("auto", "default", "cpu", "gpu", "mirrored")


def strategy(kind: str = "auto", *, devices: Sequence[str] | None = None) -> tf.distribute.Strategy:
    """The strategy called `kind`.

    Args:
        kind: "auto": several GPUs mirrored, else TensorFlow's default; "default"; "cpu" or "gpu":
            the first such device; "mirrored": all GPUs, or `devices`.
        devices: for "mirrored", such as `["CPU:0", "CPU:1"]`.

    Raises:
        UnknownNameError: no such kind.
        DataError: the machine has no such device.

    >>> import kerazoo
    >>> kerazoo.distribute.strategy("cpu").num_replicas_in_sync
    1
    """
    import tensorflow as tf

    if kind not in KINDS:
        raise unknown_name("strategy", kind, KINDS)
    gpus = tf.config.list_logical_devices("GPU")
    if kind == "gpu" and not gpus:
        raise DataError(
            f"No GPU was found. Available: {_available()}. Use strategy='cpu' or 'auto'."
        )
    if kind in ("cpu", "gpu"):
        return tf.distribute.OneDeviceStrategy(f"/{kind}:0")
    if kind == "mirrored" and not devices and not gpus:
        raise DataError(f"No GPU to mirror on. Available: {_available()}. Pass `devices=`.")
    if kind == "mirrored" or (kind == "auto" and len(gpus) > 1):
        return tf.distribute.MirroredStrategy(list(devices) if devices else None)
    return tf.distribute.get_strategy()


def _available() -> str:
    import tensorflow as tf

    names = [device.name.removeprefix("/device:") for device in tf.config.list_logical_devices()]
    return ", ".join(names)
