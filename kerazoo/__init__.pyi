from . import datasets, distribute, errors, exporters, inspect, training, zoo
from .errors import KerazooError
from .exporters import ExportReport, TFLiteModel, export, load_tflite
from .training import TrainResult, evaluate, train
from .zoo import ModelCard, Prediction, add_config, get, info, list_models, predict, register

__version__: str

__all__ = [
    "ExportReport",
    "KerazooError",
    "ModelCard",
    "Prediction",
    "TFLiteModel",
    "TrainResult",
    "add_config",
    "datasets",
    "distribute",
    "errors",
    "evaluate",
    "export",
    "exporters",
    "get",
    "info",
    "inspect",
    "list_models",
    "load_tflite",
    "predict",
    "register",
    "train",
    "training",
    "zoo",
]
