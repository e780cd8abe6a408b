from .bleu import BLEU
from .box_mean_average_precision import BoxMeanAveragePrecision
from .brier_score import BrierScore
from .character_error_rate import CharacterErrorRate
from .dice_score import DiceScore
from .expected_calibration_error import ExpectedCalibrationError
from .f_beta_at_k import FBetaAtK
from .hit_rate_at_k import HitRateAtK
from .mean_absolute_scaled_error import MeanAbsoluteScaledError
from .mean_average_precision import MeanAveragePrecision
from .mean_reciprocal_rank import MeanReciprocalRank
from .ndcg import NDCG
from .precision_at_k import PrecisionAtK
from .recall_at_k import RecallAtK
from .token_accuracy import TokenAccuracy
from .word_error_rate import WordErrorRate

__all__ = [
    "BLEU",
    "NDCG",
    "BoxMeanAveragePrecision",
    "BrierScore",
    "CharacterErrorRate",
    "DiceScore",
    "ExpectedCalibrationError",
    "FBetaAtK",
    "HitRateAtK",
    "MeanAbsoluteScaledError",
    "MeanAveragePrecision",
    "MeanReciprocalRank",
    "PrecisionAtK",
    "RecallAtK",
    "TokenAccuracy",
    "WordErrorRate",
]
