from . import (
    compress,
    convert,
    datasets,
    distill,
    distribute,
    errors,
    exporters,
    hub,
    inspect,
    layers,
    losses,
    metrics,
    rl,
    scan,
    tasks,
    training,
    zoo,
)
from .errors import KerazooError
from .exporters import ExportReport, TFLiteModel, export, load_tflite
from .scan import verify
from .tasks import Prediction
from .training import TrainResult, evaluate, fine_tune, train
from .zoo import ModelCard, add_config, get, info, list_models, predict, register

__version__: str

__all__ = [
    "ExportReport",
    "KerazooError",
    "ModelCard",
    "Prediction",
    "TFLiteModel",
    "TrainResult",
    "add_config",
    "compress",
    "convert",
    "datasets",
    "distill",
    "distribute",
    "errors",
    "evaluate",
    "export",
    "exporters",
    "fine_tune",
    "get",
    "hub",
    "info",
    "inspect",
    "layers",
    "list_models",
    "load_tflite",
    "losses",
    "metrics",
    "predict",
    "register",
    "rl",
    "scan",
    "tasks",
    "train",
    "training",
    "verify",
    "zoo",
]
