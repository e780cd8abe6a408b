from .build import get, open_model
from .card import ModelCard, info
from .catalogue import add_config, list_models
from .prediction import predict
from .registry import register

__all__ = [
    "ModelCard",
    "add_config",
    "get",
    "info",
    "list_models",
    "open_model",
    "predict",
    "register",
]
