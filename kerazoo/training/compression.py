"""The model that a recipe trains: with its initial weights, pruned, clustered, quantized."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kerazoo import compress
from kerazoo.compress._pruning_pattern import PruningPattern
from kerazoo.compress.constrained_layer import ConstrainedLayer
from kerazoo.errors import ConfigError, WeightsError, nearest
from kerazoo.notices import notice
from kerazoo.zoo.build import build_model, build_with_layers_of, build_with_weights
from kerazoo.zoo.catalogue import list_models
from kerazoo.zoo.config import Prune, ZooConfig

if TYPE_CHECKING:
    import keras

_UPDATES = 50
"""How often a growing sparsity is brought up to date: tfmot's 100 steps suit longer trainings."""


def make_model(config: ZooConfig, *, steps: int) -> keras.Model:
    """The model of a recipe, uncompiled, as its training of `steps` steps begins.

    Pruned first, then clustered, then quantized: each keeps what was done before it.

    Raises:
        WeightsError: the initial weights are missing or do not fit.
        ConfigError: a section refuses its arguments or the model.
    """
    model = _with_initial_weights(config)
    if config.prune is not None:
        model = compress.prune(model, **_pruning(config.prune, steps))
    if config.cluster is not None:
        model = compress.cluster(model, **msgspec.structs.asdict(config.cluster))
    if config.quantize is not None:
        model = compress.quantize_aware(model, **msgspec.structs.asdict(config.quantize))
    model.name = config.name
    return model


def compresses(config: ZooConfig) -> bool:
    """Whether the recipe has a section that compresses."""
    return any(section is not None for section in (config.prune, config.cluster, config.quantize))


def enforce(model: keras.Model) -> None:
    """Prune and cluster again what was assigned from outside: averages of weights are neither."""
    for layer in model._flatten_layers():
        if isinstance(layer, ConstrainedLayer):
            layer.enforce()


def first_pruned_epoch(config: ZooConfig, steps_per_epoch: int) -> int:
    """Number, from 0, of the epoch at whose end the sparsity is reached; 0 without pruning."""
    if config.prune is None or config.prune.pattern == "channel":
        return 0
    _, end, _ = _span(config.prune, steps_per_epoch * config.training.epochs)
    return end // steps_per_epoch


def _with_initial_weights(config: ZooConfig) -> keras.Model:
    initial = config.training.initial
    if initial == "auto":
        initial = "default" if compresses(config) and config.weights else "fresh"
    if initial == "fresh":
        return build_model(config)
    try:
        if initial not in config.weights and initial in list_models():
            return build_with_layers_of(config, initial)
        model = build_with_weights(config, initial)
    except WeightsError as error:
        near = nearest(initial, list_models(), count=1)
        model = f" Or the layers of {near[0]!r}?" if near else ""
        raise WeightsError(
            f"{error}{model} Or train from the start: training.initial=fresh."
        ) from error
    notice(f"{config.name}: the training begins with the weights {initial!r}.")
    return model


def _pruning(section: Prune, steps: int) -> dict[str, Any]:
    """The arguments of `kerazoo.compress.prune`."""
    arguments = msgspec.structs.asdict(section)
    sparsity = arguments.pop("sparsity")
    del arguments["begin"], arguments["end"]
    if section.pattern == "channel":
        return {**arguments, "sparsity": sparsity}
    form = PruningPattern(section.pattern, section.block_size)
    begin, end, frequency = _span(section, steps)
    schedule = compress.PolynomialDecay(
        0.0,
        form.usual_sparsity if sparsity is None else sparsity,
        begin_step=begin,
        end_step=end,
        frequency=frequency,
    )
    return {**arguments, "schedule": schedule}


def _span(section: Prune, steps: int) -> tuple[int, int, int]:
    """Numbers, from 0, of the first and last update of the growth; updates from one to the next."""
    begin, end = round(section.begin * steps), round(section.end * steps) - 1
    if begin > end:
        raise ConfigError(
            f"prune.begin must be below prune.end by a step at least. Received: {section.begin} "
            f"and {section.end} of {steps} steps."
        )
    frequency = max((end - begin) // _UPDATES, 1)
    return begin, begin + (end - begin) // frequency * frequency, frequency
