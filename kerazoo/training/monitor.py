"""The number by which a recipe's epochs are judged, and whether it should fall or rise."""

from __future__ import annotations

from typing import NamedTuple

from kerazoo.errors import ConfigError
from kerazoo.training.callbacks import falls_as_it_gets_better
from kerazoo.zoo.config import Metric, ZooConfig


class Monitor(NamedTuple):
    """A name in the history, and whether less is better."""

    monitor: str
    falls: bool


def monitor_of(config: ZooConfig, *, validated: bool) -> Monitor:
    """That of early stopping, else the loss of the validation.

    A metric may be shown under any name: which way it goes is known by its class.

    Raises:
        ConfigError: no metric of the recipe has the name.
    """
    metrics = {_shown(metric): _class(metric) for metric in config.training.metrics}
    prefix = "val_" if validated else ""
    known = {f"{prefix}{name}": kind for name, kind in {"loss": "loss", **metrics}.items()}
    stopping = config.training.early_stopping
    if stopping is None:
        return Monitor("val_loss", falls=True)
    if stopping.monitor not in known:
        raise ConfigError(
            f"{config.name}: training.early_stopping.monitor must be one of "
            f"{', '.join(known)}. Received: {stopping.monitor!r}."
        )
    return Monitor(stopping.monitor, falls_as_it_gets_better(known[stopping.monitor]))


def _shown(metric: str | Metric) -> str:
    return metric if isinstance(metric, str) else metric.arguments.get("name", metric.name)


def _class(metric: str | Metric) -> str:
    return metric if isinstance(metric, str) else metric.name
