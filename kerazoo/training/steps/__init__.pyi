from .adversarial_training import AdversarialTraining
from .contrastive import Contrastive
from .length_groups import LengthGroups
from .mean_teacher import MeanTeacher
from .mixed_sample_augment import MixedSampleAugment
from .r_drop import RDrop
from .sharpness_aware import SharpnessAware

__all__ = [
    "AdversarialTraining",
    "Contrastive",
    "LengthGroups",
    "MeanTeacher",
    "MixedSampleAugment",
    "RDrop",
    "SharpnessAware",
]
