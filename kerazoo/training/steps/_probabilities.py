"""Class probabilities of a model's outputs, whether these are logits or probabilities."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.errors import ConfigError
from kerazoo.losses import SmoothedCrossentropy


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
    for part in map(_resolved, keras.tree.flatten(loss)):
        if isinstance(part, SmoothedCrossentropy):
            declared = True
        elif isinstance(part, keras.losses.Loss):
            declared = part.get_config().get("from_logits", from_logits)
        else:  # Keras's crossentropies, as functions, take probabilities
            declared = False if "crossentropy" in _name_in_keras(part) else from_logits
        if declared != from_logits:
            raise ConfigError(
                f"`from_logits` must be that of the compiled loss, {declared}. Received: "
                f"from_logits={from_logits}. Say in both what the model's outputs are."
            )


def check_classes(loss: Any, outputs: Any, names: list[str]) -> None:
    """Raise `ConfigError` if the compiled `loss` takes the columns of an output for labels.

    `names` are those of the outputs, by which a dict of losses may be keyed.
    """
    if isinstance(loss, dict):
        names = sorted(outputs) if isinstance(outputs, dict) else names
        losses = [loss.get(name) for name in names]
    else:
        losses = keras.tree.flatten(loss)
    outputs = keras.tree.flatten(outputs)
    losses = losses * len(outputs) if len(losses) == 1 else losses
    for part, output in zip(losses, outputs, strict=False):
        if _is_binary(_resolved(part)) and output.shape[-1] > 1:
            raise ConfigError(
                f"An output must be one distribution over classes. Received: {output.shape[-1]} "
                f"columns and a binary crossentropy, which takes each for a label of its own. "
                f"Compile a categorical one, or give each label an output (batch, 1)."
            )


def _resolved(loss: Any) -> Any:
    """A name as the function or the loss that it stands for."""
    return keras.losses.get(loss) if isinstance(loss, str) else loss


def _is_binary(loss: Any) -> bool:
    binary = (keras.losses.BinaryCrossentropy, keras.losses.BinaryFocalCrossentropy)
    return isinstance(loss, binary) or _name_in_keras(loss).startswith("binary_")


def _name_in_keras(loss: Any) -> str:
    """Of one of Keras's functions; what another function's name says is its author's business."""
    is_kerass = str(getattr(loss, "__module__", "")).startswith("keras.")
    return getattr(loss, "__name__", "") if is_kerass else ""
