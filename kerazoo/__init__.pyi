from . import datasets, errors, exporters, training, zoo
from .errors import KerazooError
from .exporters import ExportReport, TFLiteModel, export, load_tflite
from .training import TrainResult, evaluate, predict, train
from .zoo import ModelCard, add_config, get, info, list_models, register

__version__: str

__all__ = [
    "ExportReport",
    "KerazooError",
    "ModelCard",
    "TFLiteModel",
    "TrainResult",
    "add_config",
    "datasets",
    "errors",
    "evaluate",
    "export",
    "exporters",
    "get",
    "info",
    "list_models",
    "load_tflite",
    "predict",
    "register",
    "train",
    "training",
    "zoo",
]
