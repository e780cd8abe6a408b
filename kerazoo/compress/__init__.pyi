from .fake_quantize import FakeQuantize as FakeQuantize
from .scheme import QuantizationScheme as QuantizationScheme

__all__ = [
    "FakeQuantize",
    "QuantizationScheme",
]
