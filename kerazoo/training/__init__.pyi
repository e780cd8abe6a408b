from .evaluation import evaluate
from .recipe import train
from .run import TrainResult

__all__ = ["TrainResult", "evaluate", "train"]
