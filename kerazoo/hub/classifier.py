"""`classifier`: a published SavedModel with a new head."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import keras

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.errors import ConfigError
from kerazoo.hub.hub_layer import HubLayer


def classifier(
    handle: str | os.PathLike[str],
    num_classes: int,
    *,
    input_shape: Sequence[int],
    trainable: bool | Sequence[str] = False,
    dropout: float = 0.2,
    input_range: tuple[float, float] | None = (0.0, 1.0),
    **arguments: Any,
) -> keras.Model:
    """A functional model: pixels or texts in, logits of `num_classes` classes out, not compiled.

    Pixels 0..255 -> scaled to `input_range` -> `HubLayer` -> mean over height and width where it
    gives feature maps -> Dropout -> Dense. Texts, where the SavedModel takes those, are not scaled.

    Args:
        handle: of the SavedModel, as `HubLayer` takes it. It must give one feature vector or
            feature map per sample.
        num_classes: 2 or above.
        input_shape: of one sample, `(height, width, 3)`; `()` for texts.
        trainable: as in `HubLayer`. False is feature extraction: only the head is trained.
        dropout: fraction 0..1 (1 excluded) of the features left out in training.
        input_range: what pixels 0 and 255 become. Image models of TensorFlow Hub take (0.0, 1.0);
            None leaves inputs as they are.
        arguments: further ones of `HubLayer` (`signature`, `output_key`, `sha256`, ...).

    Returns: `(batch, *input_shape)` to float32 logits `(batch, num_classes)`.

    Raises:
        kerazoo.errors.ConfigError: an argument out of range, or outputs without a feature vector.
        kerazoo.errors.HubError: as `HubLayer`.

    >>> import kerazoo, tensorflow as tf
    >>> class MeanColour(tf.Module):
    ...     @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 3))])
    ...     def __call__(self, images):
    ...         return tf.reduce_mean(images, axis=(1, 2))
    >>> tf.saved_model.save(MeanColour(), "mean_colour")
    >>> model = kerazoo.hub.classifier("mean_colour", num_classes=5, input_shape=(8, 8, 3))
    >>> model.output_shape
    (None, 5)

    A published one, which needs a network:

    ```python
    handle = "https://www.kaggle.com/models/google/mobilenet-v2/tensorFlow2/100-224-feature-vector/2"
    model = kerazoo.hub.classifier(handle, num_classes=5, input_shape=(224, 224, 3))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    ```
    """
    check_integer("num_classes", num_classes, least=2)
    check_number("dropout", dropout, least=0.0, below=1.0)
    layer = HubLayer(handle, trainable=trainable, name="hub", **arguments)
    is_text = layer.takes_texts
    inputs = keras.Input(tuple(input_shape), dtype="string" if is_text else None, name="input")
    scaled = inputs
    if input_range is not None and not is_text:
        low, high = input_range
        scaled = keras.layers.Rescaling((high - low) / 255, low, name="scale")(inputs)
    features = layer(scaled)
    shape = getattr(features, "shape", None)
    if shape is None or len(shape) not in (2, 4):
        raise ConfigError(
            "`handle` must give one feature vector or feature map per sample. Received: outputs "
            f"{list(features) if shape is None else shape}. Choose one by `output_key`."
        )
    if len(shape) == 4:
        features = keras.layers.GlobalAveragePooling2D(name="pool")(features)
    features = keras.layers.Dropout(dropout, name="dropout")(features)
    outputs = keras.layers.Dense(num_classes, dtype="float32", name="logits")(features)
    return keras.Model(inputs, outputs, name="hub_classifier")
