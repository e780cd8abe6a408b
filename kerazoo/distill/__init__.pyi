from .attention_transfer import AttentionTransfer
from .cache_teacher import cache_teacher
from .contrastive_representation import ContrastiveRepresentation
from .decoupled_distillation import DecoupledDistillation
from .dist import DIST
from .distiller import Distiller
from .feature_distillation import FeatureDistillation
from .logits_distillation import LogitsDistillation
from .relational_distillation import RelationalDistillation
from .similarity_preserving import SimilarityPreserving

__all__ = [
    "DIST",
    "AttentionTransfer",
    "ContrastiveRepresentation",
    "DecoupledDistillation",
    "Distiller",
    "FeatureDistillation",
    "LogitsDistillation",
    "RelationalDistillation",
    "SimilarityPreserving",
    "cache_teacher",
]
