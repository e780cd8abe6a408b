from .build import get
from .card import ModelCard, info
from .catalogue import add_config, list_models
from .registry import register

__all__ = ["ModelCard", "add_config", "get", "info", "list_models", "register"]
