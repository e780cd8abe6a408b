from .depth_rates import DepthRates
from .evaluation import evaluate
from .fine_tune import fine_tune
from .loop import Loop
from .recipe import train
from .run import TrainResult

__all__ = ["DepthRates", "Loop", "TrainResult", "evaluate", "fine_tune", "train"]
