from .distiller import Distiller
from .logits_distillation import LogitsDistillation

__all__ = ["Distiller", "LogitsDistillation"]
