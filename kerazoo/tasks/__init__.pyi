from .drawing import save_pictures
from .prediction import Box, Prediction
from .registry import find_task
from .task import Task, inputs_for

__all__ = [
    "Box",
    "Prediction",
    "Task",
    "find_task",
    "inputs_for",
    "save_pictures",
]
