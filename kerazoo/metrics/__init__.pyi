from .f_beta_at_k import FBetaAtK
from .hit_rate_at_k import HitRateAtK
from .mean_average_precision import MeanAveragePrecision
from .mean_reciprocal_rank import MeanReciprocalRank
from .ndcg import NDCG
from .precision_at_k import PrecisionAtK
from .recall_at_k import RecallAtK

__all__ = [
    "NDCG",
    "FBetaAtK",
    "HitRateAtK",
    "MeanAveragePrecision",
    "MeanReciprocalRank",
    "PrecisionAtK",
    "RecallAtK",
]
