from .delivery import export as export
from .latency import Latency as Latency
from .latency import measure_latency as measure_latency
from .layer_errors import LayerError as LayerError
from .layer_errors import LayerErrors as LayerErrors
from .modes import QUANTIZE_MODES as QUANTIZE_MODES
from .operator_steps import OperatorComparison as OperatorComparison
from .operator_steps import OperatorSteps as OperatorSteps
from .operator_steps import Uncompared as Uncompared
from .report import ExportReport as ExportReport
from .tflite_model import TFLiteModel as TFLiteModel
from .tflite_model import load_tflite as load_tflite

__all__ = [
    "QUANTIZE_MODES",
    "ExportReport",
    "Latency",
    "LayerError",
    "LayerErrors",
    "OperatorComparison",
    "OperatorSteps",
    "TFLiteModel",
    "Uncompared",
    "export",
    "load_tflite",
    "measure_latency",
]
