"""Low-rank adaptation of Dense and EinsumDense layers (Hu et al. 2021, arXiv:2106.09685).

By Keras's own `enable_lora`: kernel + alpha / rank * A B, of which only A and B are trained.
"""

from __future__ import annotations

from typing import Any

import keras

from kerazoo.argument_checks import check_integer
from kerazoo.errors import ConfigError

_ADAPTED = (keras.layers.Dense, keras.layers.EinsumDense)


def add_lora(body: keras.Model, rank: int) -> int:
    """Freeze all weights of `body`, and put A and B of `rank` beside each kernel, attention
    included.

    Returns: how many layers have them.

    Raises:
        ConfigError: `rank` is below 1, or there is no such layer.
    """
    check_integer("lora_rank", rank)
    adapted = [layer for layer in body._flatten_layers() if isinstance(layer, _ADAPTED)]
    if not adapted:
        raise ConfigError(
            f"`lora_rank`: {body.name!r} has no Dense or EinsumDense layer. Networks of "
            f"convolutions are fine-tuned by `unfreeze`."
        )
    for layer in body.layers:  # or Keras would not look for what is trained within
        layer.trainable = True
    for layer in body._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    for variable in body.weights:
        variable.trainable = False
    for layer in adapted:
        layer.enable_lora(rank)
    return len(adapted)


def merged(model: keras.Model) -> keras.Model:
    """The model without A and B, in which each kernel has become kernel + alpha / rank * A B.

    `model` itself where it has none.
    """
    layers = list(model._flatten_layers())
    if not any(getattr(layer, "lora_enabled", False) for layer in layers):
        return model
    config = keras.saving.serialize_keras_object(model)
    config.pop("compile_config", None)
    plain = keras.saving.deserialize_keras_object(_without_lora(config))
    for layer, copy in zip(layers, plain._flatten_layers(), strict=True):
        if getattr(layer, "lora_enabled", False):
            copy.set_weights([layer.kernel, *([] if layer.bias is None else [layer.bias])])
        elif layer._trainable_variables or layer._non_trainable_variables:
            _copy_own(layer, copy)
    return plain


def _copy_own(layer: Any, copy: Any) -> None:
    """The variables of a layer itself, those of its sublayers left out."""
    own = [*layer._trainable_variables, *layer._non_trainable_variables]
    theirs = [*copy._trainable_variables, *copy._non_trainable_variables]
    for variable, target in zip(own, theirs, strict=True):
        target.assign(variable)


def _without_lora(config: Any) -> Any:
    if isinstance(config, list | tuple):
        return type(config)(_without_lora(value) for value in config)
    if not isinstance(config, dict):
        return config
    kept = {k: v for k, v in config.items() if k not in ("lora_rank", "lora_alpha")}
    return {key: _without_lora(value) for key, value in kept.items()}
