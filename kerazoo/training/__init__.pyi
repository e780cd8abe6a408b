from .evaluation import evaluate
from .loop import Loop
from .recipe import train
from .run import TrainResult

__all__ = ["Loop", "TrainResult", "evaluate", "train"]
