"""Where a layer left in float meets ranges, so that the file leaves it in float as well."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.compress._exporting import is_exporting


@keras.saving.register_keras_serializable(package="kerazoo")
class FloatBoundary(keras.layers.Layer):
    """Gives its input; between a range and a layer left in float, on either side of that layer.

    TFLite's converter quantizes whatever stands between two ranges, with weights rounded as it
    likes. It does not look past a cast to float64, so that is what it sees here; `kerazoo.export`
    then takes these casts out of the file. They are exact, and nothing but the export makes them.

    Call arguments: `inputs`, any shape and float dtype, which the output has too.
    """

    def __init__(self, **kwargs: Any):
        kwargs["dtype"] = "float32"  # it computes nothing: no policy applies
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True

    def call(self, inputs):
        if not is_exporting():
            return inputs
        return ops.cast(ops.cast(inputs, "float64"), inputs.dtype)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, dtype=inputs.dtype)
