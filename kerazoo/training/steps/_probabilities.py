"""Class probabilities of a model's outputs, whether these are logits or probabilities."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.errors import ConfigError


def log_probabilities(outputs: Any, from_logits: bool) -> Any:
    """float32, `(..., classes)`. A single column is the second of two classes, as of a sigmoid."""
    outputs = ops.cast(outputs, "float32")
    if outputs.shape[-1] == 1:
        other = ops.zeros_like(outputs) if from_logits else 1 - outputs
        outputs = ops.concatenate([other, outputs], axis=-1)
    if from_logits:
        return ops.log_softmax(outputs, axis=-1)
    return ops.log(ops.clip(outputs, keras.config.epsilon(), 1.0))


def check_from_logits(loss: Any, from_logits: bool) -> None:
    """Raise `ConfigError` if the compiled `loss`, of any structure, says otherwise."""
    for part in keras.tree.flatten(loss):
        if isinstance(part, keras.losses.Loss):
            declared = part.get_config().get("from_logits", from_logits)
        else:  # a name or a function: Keras's crossentropies take probabilities then
            name = part if isinstance(part, str) else getattr(part, "__name__", "")
            declared = False if "crossentropy" in name else from_logits
        if declared != from_logits:
            raise ConfigError(
                f"`from_logits` must be that of the compiled loss, {declared}. Received: "
                f"from_logits={from_logits}. Say in both what the model's outputs are."
            )
