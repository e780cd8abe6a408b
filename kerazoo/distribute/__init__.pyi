from .heartbeat import beat
from .strategies import strategy

__all__ = ["beat", "strategy"]
