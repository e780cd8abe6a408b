from .fake_quantize import FakeQuantize as FakeQuantize
from .quantize_with_tfmot import TfmotResult as TfmotResult
from .quantize_with_tfmot import quantize_with_tfmot as quantize_with_tfmot
from .scheme import QuantizationScheme as QuantizationScheme

__all__ = [
    "FakeQuantize",
    "QuantizationScheme",
    "TfmotResult",
    "quantize_with_tfmot",
]
