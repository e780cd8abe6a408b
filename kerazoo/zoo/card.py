"""What a person should know of a model before using it; read from its config alone."""

from __future__ import annotations

from typing import Any

import msgspec

from kerazoo.zoo.agent_config import AgentConfig, AnyConfig
from kerazoo.zoo.catalogue import find_any_config, weights_folder
from kerazoo.zoo.weights import count_parameters


class ModelCard(msgspec.Struct, frozen=True):
    """The facts of one zoo model.

    Attributes:
        dataset: what it learned from; empty where that was an environment.
        environment: Gymnasium's name of what it learned in; empty where it learned from data.
        arguments: what the builder is called with.
        parameters: number of weights in the published file; None where there is none.
        metrics: what `kerazoo evaluate NAME` prints with the published weights; empty without.
        trained: how the published weights were made; empty without.
        export: how `kerazoo export NAME` exports unless told otherwise.
        files: kind of .tflite file ("float32", "int8") -> its size in bytes, microseconds of a run
            with one thread on the machine that measured it, and metrics; empty if never measured.
    """

    name: str
    task: str
    summary: str
    dataset: str
    environment: str
    builder: str
    arguments: dict[str, Any]
    parameters: int | None
    metrics: dict[str, float]
    trained: dict[str, str | int | float]
    pretrained: bool
    license: str
    references: list[str]
    limits: str
    export: dict[str, Any]
    files: dict[str, dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return msgspec.to_builtins(self)


def info(name: str) -> ModelCard:
    """The card of the model called `name`.

    Raises:
        UnknownNameError: there is no such model; the message has the nearest names.

    >>> import kerazoo
    >>> kerazoo.info("mnist_cnn").dataset
    'mnist'
    """
    return card_of(find_any_config(name))


def card_of(config: AnyConfig) -> ModelCard:
    """The card of a config that need not be in the zoo."""
    published = config.weights.get("default")
    if isinstance(config, AgentConfig):
        dataset, environment = "", config.reinforcement.environment.name
    else:
        dataset, environment = config.data.dataset, ""
    return ModelCard(
        name=config.name,
        task=config.task,
        summary=config.summary,
        dataset=dataset,
        environment=environment,
        builder=config.model.builder,
        arguments=dict(config.model.arguments),
        parameters=count_parameters(weights_folder() / published.file) if published else None,
        metrics=dict(published.metrics) if published else {},
        trained=dict(published.trained) if published else {},
        pretrained=published is not None,
        license=config.card.license,
        references=list(config.card.references),
        limits=config.card.limits,
        export=msgspec.to_builtins(config.export),
        files=msgspec.to_builtins(published.files) if published else {},
    )
