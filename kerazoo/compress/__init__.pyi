from .adaround import adaround as adaround
from .constrained_layer import ConstrainedLayer as ConstrainedLayer
from .correct_bias import correct_bias as correct_bias
from .equalize import equalize as equalize
from .fake_quantize import FakeQuantize as FakeQuantize
from .quantize_aware import quantize_aware as quantize_aware
from .quantize_with_tfmot import TfmotResult as TfmotResult
from .quantize_with_tfmot import quantize_with_tfmot as quantize_with_tfmot
from .quantized_batch_normalization import (
    QuantizedBatchNormalization as QuantizedBatchNormalization,
)
from .quantized_conv import QuantizedConv as QuantizedConv
from .quantized_dense import QuantizedDense as QuantizedDense
from .scheme import QuantizationScheme as QuantizationScheme
from .weight_constraint import WeightConstraint as WeightConstraint

__all__ = [
    "ConstrainedLayer",
    "FakeQuantize",
    "QuantizationScheme",
    "QuantizedBatchNormalization",
    "QuantizedConv",
    "QuantizedDense",
    "TfmotResult",
    "WeightConstraint",
    "adaround",
    "correct_bias",
    "equalize",
    "quantize_aware",
    "quantize_with_tfmot",
]
