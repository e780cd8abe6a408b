"""What a person should know of a model before using it; read from its config alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from kerazoo.zoo.agent_config import AgentConfig, AnyConfig
from kerazoo.zoo.catalogue import configs_folder, find_any_config, weights_file
from kerazoo.zoo.weights import count_parameters

if TYPE_CHECKING:
    from kerazoo.datasets import Dataset
    from kerazoo.zoo.config import Weights

UNREADABLE = "imagenet"
"""A dataset that cannot be read by name, so that `train` and `evaluate` are of no use there."""


class ModelCard(msgspec.Struct, frozen=True):
    """The facts of one zoo model.

    Attributes:
        name: as `kerazoo.get` takes it.
        task: what it is for: "image-classification".
        summary: one sentence.
        input: shape of one sample, dtype and meaning.
        output: the same of an answer.
        labels: in the order of the outputs; empty where there are no classes.
        dataset: what it learned from; empty where that was an environment.
        data_license: of the dataset.
        environment: Gymnasium's name of what it learned in; empty where it learned from data.
        builder: the function that makes it.
        arguments: what the builder is called with.
        parameters: number of weights in the published file; None where there is none.
        metrics: what `kerazoo evaluate NAME` prints with the published weights; empty without.
        standard_errors: of those metrics of which it is known, with one seed: of an accuracy
            sqrt(p (1 - p) / n) over the n test samples, of a return that over the episodes.
        published: figures of others to read beside ours, each with its `figure`, `of` and `source`.
        cross_validation: what was left out in turn for `trained["cross_validation"]`.
        training_command: with which a user trains it, or fine-tunes what learned from data that
            cannot be read by name.
        trained: how the published weights were made; empty without.
        pretrained: whether it has published weights.
        license: of the weights.
        references: papers that it follows.
        limits: what it is not for.
        export: how `kerazoo export NAME` exports unless told otherwise.
        files: kind of .tflite file ("float32", "int8") -> its size in bytes, microseconds of a run
            with one thread on the machine that measured it, and metrics; empty if never measured.
        picture: of a real answer, a path in kerazoo's repository; empty for models of others.
    """

    name: str
    task: str
    summary: str
    input: str
    output: str
    labels: list[str]
    dataset: str
    data_license: str
    environment: str
    builder: str
    arguments: dict[str, Any]
    parameters: int | None
    metrics: dict[str, float]
    standard_errors: dict[str, float]
    published: list[dict[str, str]]
    cross_validation: str
    training_command: str
    trained: dict[str, str | int | float]
    pretrained: bool
    license: str
    references: list[str]
    limits: str
    export: dict[str, Any]
    files: dict[str, dict[str, Any]]
    picture: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return msgspec.to_builtins(self)


def info(name: str) -> ModelCard:
    """The card of the model called `name`.

    Args:
        name: one of `kerazoo.list_models()`.

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
    data = _dataset(dataset)
    return ModelCard(
        name=config.name,
        task=config.task,
        summary=config.summary,
        input=config.card.input or _samples(config, data),
        output=config.card.output or _logits(config),
        labels=list(data.class_names or ()) if data else [],
        dataset=dataset,
        data_license=data.license if data else "",
        environment=environment,
        builder=config.model.builder,
        arguments=dict(config.model.arguments),
        parameters=count_parameters(weights_file(config, published)) if published else None,
        metrics=dict(published.metrics) if published else {},
        standard_errors=_standard_errors(published) if published else {},
        published=msgspec.to_builtins(config.card.published),
        cross_validation=config.card.cross_validation,
        training_command=_training_command(config.name, dataset),
        trained=dict(published.trained) if published else {},
        pretrained=published is not None,
        license=config.card.license,
        references=list(config.card.references),
        limits=config.card.limits,
        export=msgspec.to_builtins(config.export),
        files=msgspec.to_builtins(published.files) if published else {},
        picture=_picture(config.name) if published else "",
    )


def _dataset(name: str) -> Dataset | None:
    """None without a name, and for one that is not among kerazoo's: the training will say so."""
    from kerazoo import datasets

    return datasets.info(name) if name in datasets.list_datasets() else None


def _samples(config: AnyConfig, data: Dataset | None) -> str:
    shape = config.model.arguments.get("input_shape")
    if data is None or shape is None:
        return data.summary if data else ""
    return f"{_tuple(shape)}: {data.summary[:1].lower()}{data.summary[1:]}"


def _logits(config: AnyConfig) -> str:
    """Of a plain classifier; what other tasks give, a config has to say."""
    arguments = config.model.arguments
    if not config.task.endswith("-classification") or "num_classes" not in arguments:
        return ""
    is_logits = arguments.get("classifier_activation") is None
    kind = "logits, one for each class; their softmax is the probabilities"
    return f"{_tuple([arguments['num_classes']])} float32: {kind if is_logits else 'probabilities'}"


def _tuple(shape: Any) -> str:
    return str(tuple(shape))


def _standard_errors(published: Weights) -> dict[str, float]:
    metrics, samples = published.metrics, published.trained.get("test_samples")
    if "mean_return" in metrics and "standard_error" in metrics:
        return {"mean_return": metrics["standard_error"]}
    share = metrics.get("accuracy")
    # Of none or all the formula gives 0, which is not what is known of the next sample.
    if share is None or not isinstance(samples, int) or not 0 < share < 1:
        return {}
    return {"accuracy": float(f"{math.sqrt(share * (1 - share) / samples):.3g}")}


def _training_command(name: str, dataset: str) -> str:
    return f"kerazoo fine-tune {name} photos/" if dataset == UNREADABLE else f"kerazoo train {name}"


def _picture(name: str) -> str:
    is_own = (configs_folder() / f"{name}.yaml").is_file()
    return f"docs/images/zoo/{name}.png" if is_own else ""
