"""A layer of weights together with the batch normalization behind it, which it folds."""

from __future__ import annotations

from typing import Any

import keras

from kerazoo.compress._quantized_layer import QuantizedLayer


class NormalizedLayer(QuantizedLayer):
    """A quantized layer that may have a `normalization`, and writes it into its config."""

    def __init__(
        self,
        layer: keras.Layer,
        scheme: Any = None,
        normalization: keras.Layer | None = None,
        **kwargs: Any,
    ):
        super().__init__(layer, scheme, **kwargs)
        self.normalization = normalization

    def build(self, input_shape):
        super().build(input_shape)
        if self.normalization is not None and not self.normalization.built:
            self.normalization.build(self.layer.compute_output_shape(input_shape))

    def get_config(self):
        return {
            **super().get_config(),
            "normalization": keras.saving.serialize_keras_object(self.normalization),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config["normalization"] = keras.saving.deserialize_keras_object(
            config["normalization"], custom_objects=custom_objects
        )
        return super().from_config(config, custom_objects)
