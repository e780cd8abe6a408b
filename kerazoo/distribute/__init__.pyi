from .strategies import strategy

__all__ = ["strategy"]
