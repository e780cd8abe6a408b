"""The ranges of activations from sample data, for models that are not trained any more."""

from __future__ import annotations

from typing import Any

import keras

from kerazoo.argument_checks import check_integer
from kerazoo.compress._calibrating import calibrating
from kerazoo.compress._samples import as_inputs, collect_samples
from kerazoo.compress.fake_quantize import FakeQuantize
from kerazoo.errors import ConfigError


def calibrate(
    model: keras.Model, data: Any, *, batch_size: int = 32, samples: int = 512
) -> keras.Model:
    """Let the ranges of a quantization-aware model see `data`, in inference mode.

    That alone gives a file of post-training quantization; training from there gives more. Ranges
    that have seen values already go on from those.

    Args:
        model: made by `quantize_aware`.
        data: typical inputs: an array `(samples, ...)`; a list, or a dict by input name, for
            several inputs; or batches of these, with or without labels (a tf.data.Dataset).
        batch_size: rows at a time, 1 or above. Percentiles average over batches; other ranges are
            those of all values.
        samples: how many are taken at most: of arrays spread evenly, of batches the first ones.

    Returns: `model` itself.

    Raises:
        kerazoo.errors.ConfigError: a model that was not made by `quantize_aware`.
        kerazoo.errors.DataError: data that does not fit.

    >>> inputs = keras.Input((4,))
    >>> model = quantize_aware(keras.Model(inputs, keras.layers.Dense(2, name="head")(inputs)))
    >>> model = calibrate(model, np.ones((8, 4), "float32"))
    >>> model.get_layer("head_range").is_calibrated
    True
    """
    batch_size = check_integer("batch_size", batch_size)
    if not isinstance(model, keras.Model):
        raise ConfigError(f"`model` must be a keras.Model. Received: {model!r}.")
    if not any(isinstance(layer, FakeQuantize) for layer in model._flatten_layers()):
        raise ConfigError(
            f"The model {model.name!r} has no ranges to calibrate: begin with "
            f"`kerazoo.compress.quantize_aware(model)`."
        )
    arrays = collect_samples(data, model, most=check_integer("samples", samples))
    with calibrating():
        for start in range(0, len(arrays[0]), batch_size):
            batch = [array[start : start + batch_size] for array in arrays]
            model(as_inputs(model, batch), training=False)
    return model
