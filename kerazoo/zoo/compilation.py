"""From the names in a config's `training` section to the optimizer, the loss and the metrics."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from kerazoo.errors import ConfigError, unknown_name
from kerazoo.zoo.config import Metric, Optimizer, Training, WarmupCosine

if TYPE_CHECKING:
    import keras


def compile_model(
    model: keras.Model,
    training: Training,
    *,
    steps_per_epoch: int | None = None,
    jit_compile: bool | str = "auto",
    steps_per_execution: int = 1,
) -> None:
    """Compile `model` as its recipe says.

    A loss or metric `from_logits` takes probabilities from a model that ends in a softmax or a
    sigmoid: recipes are for models without, to which `classifier_activation` adds one.

    Args:
        steps_per_epoch: lets a learning rate schedule run its course; without it the rate is
            constant at the schedule's peak, as fits a model that is trained by hand.

    Raises:
        UnknownNameError: there is no optimizer of Keras, or loss or metric of Keras or kerazoo, of
            that name.
        ConfigError: one of them does not take one of its arguments.
    """
    model.compile(
        optimizer=_optimizer(training, steps_per_epoch),
        loss=_loss(training, model),
        metrics=[_metric(name, model) for name in training.metrics],
        jit_compile=jit_compile,
        steps_per_execution=steps_per_execution,
    )


def _optimizer(training: Training, steps_per_epoch: int | None) -> keras.optimizers.Optimizer:
    import keras

    known = {k.lower(): v for k, v in _classes(keras.optimizers, keras.optimizers.Optimizer)}
    config = training.optimizer
    arguments = _given(config, skip=("name", "learning_rate"))
    if training.ema is not None:
        arguments |= {"use_ema": True, "ema_momentum": training.ema}
    arguments["learning_rate"] = learning_rate(config, training.epochs, steps_per_epoch)
    return make("optimizer", config.name, known, arguments)


def learning_rate(config: Optimizer, epochs: int, steps_per_epoch: int | None) -> Any:
    """The rate as a number, or as a Keras schedule over `epochs * steps_per_epoch` steps."""
    import keras

    rate = config.learning_rate
    if not isinstance(rate, WarmupCosine):
        return rate
    if steps_per_epoch is None:
        return rate.peak
    warmup_steps = round(rate.warmup_epochs * steps_per_epoch)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup_steps else rate.peak,
        warmup_target=rate.peak if warmup_steps else None,
        warmup_steps=warmup_steps,
        decay_steps=max(1, epochs * steps_per_epoch - warmup_steps),
        alpha=rate.final / rate.peak,
    )


def _loss(training: Training, model: keras.Model) -> keras.losses.Loss:
    import keras

    import kerazoo.losses

    known = {snake_case(k): v for k, v in _classes(keras.losses, keras.losses.Loss)}
    known |= {snake_case(k): getattr(kerazoo.losses, k) for k in kerazoo.losses.__all__}
    given = _given(training.loss, skip=("name", "arguments")) | training.loss.arguments
    return make("loss", training.loss.name, known, _for_outputs(given, model))


def _metric(metric: str | Metric, model: keras.Model) -> Any:
    import keras

    import kerazoo.metrics

    if metric == "accuracy":  # Keras picks the kind of accuracy by the shapes it sees
        return metric
    if isinstance(metric, str):
        metric = Metric(metric)
    known = {snake_case(k): v for k, v in _classes(keras.metrics, keras.metrics.Metric)}
    known |= {snake_case(k): getattr(kerazoo.metrics, k) for k in kerazoo.metrics.__all__}
    arguments = _for_outputs(metric.arguments, model)
    return make("metric", metric.name, known, {"name": metric.name, **arguments})


def _for_outputs(arguments: dict[str, Any], model: keras.Model) -> dict[str, Any]:
    if arguments.get("from_logits") and gives_probabilities(model):
        return {**arguments, "from_logits": False}
    return arguments


def gives_probabilities(model: keras.Model) -> bool:
    """Whether the last layer is a softmax or a sigmoid."""
    import keras

    return last_activation(model) in (keras.activations.softmax, keras.activations.sigmoid)


def last_activation(model: keras.Model) -> Any:
    """The function at the end of the last layer; None where that has none."""
    import keras

    last = model.layers[-1] if model.layers else None
    if isinstance(last, keras.layers.Softmax):
        return keras.activations.softmax
    return getattr(last, "activation", None)


def make(kind: str, name: str, known: Mapping[str, Any], arguments: Mapping[str, Any]) -> Any:
    """An object of the class called `name` among `known`; `kind` is what errors call it.

    Raises:
        UnknownNameError: there is no such class.
        ConfigError: it does not take one of the arguments, or refuses its value.
    """
    if name not in known:
        raise unknown_name(kind, name, known)
    accepted = inspect.signature(known[name]).parameters
    for argument in arguments:
        if argument not in accepted and argument not in ("use_ema", "ema_momentum"):
            raise ConfigError(f"The {kind} {name!r} takes no {argument!r}. Remove it.")
    try:
        return known[name](**arguments)
    except (TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"The {kind} {name!r} cannot be made from these fields: {reason}"
        ) from error


def _given(section: msgspec.Struct, skip: tuple[str, ...]) -> dict[str, Any]:
    values = msgspec.structs.asdict(section)
    return {k: v for k, v in values.items() if v is not None and k not in skip}


def _classes(module: Any, base: type) -> list[tuple[str, type]]:
    return [
        (name, value)
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, base) and value is not base
    ]


def snake_case(name: str) -> str:
    """ "PrecisionAtK" to "precision_at_k"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
