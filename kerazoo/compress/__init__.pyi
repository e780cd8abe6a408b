from .adaround import adaround as adaround
from .calibrate import calibrate as calibrate
from .cluster import cluster as cluster
from .constant_sparsity import ConstantSparsity as ConstantSparsity
from .constrained_layer import ConstrainedLayer as ConstrainedLayer
from .correct_bias import correct_bias as correct_bias
from .equalize import equalize as equalize
from .fake_quantize import FakeQuantize as FakeQuantize
from .magnitude_pruning import MagnitudePruning as MagnitudePruning
from .polynomial_decay import PolynomialDecay as PolynomialDecay
from .prune import prune as prune
from .pruning_schedule import PruningSchedule as PruningSchedule
from .quantize_aware import quantize_aware as quantize_aware
from .quantize_with_tfmot import TfmotResult as TfmotResult
from .quantize_with_tfmot import quantize_with_tfmot as quantize_with_tfmot
from .quantized_batch_normalization import (
    QuantizedBatchNormalization as QuantizedBatchNormalization,
)
from .quantized_conv import QuantizedConv as QuantizedConv
from .quantized_dense import QuantizedDense as QuantizedDense
from .scheme import QuantizationScheme as QuantizationScheme
from .sensitivity import sensitivity as sensitivity
from .sensitivity_result import LayerCost as LayerCost
from .sensitivity_result import SensitivityResult as SensitivityResult
from .strip import strip as strip
from .weight_clustering import WeightClustering as WeightClustering
from .weight_constraint import WeightConstraint as WeightConstraint

__all__ = [
    "ConstantSparsity",
    "ConstrainedLayer",
    "FakeQuantize",
    "LayerCost",
    "MagnitudePruning",
    "PolynomialDecay",
    "PruningSchedule",
    "QuantizationScheme",
    "QuantizedBatchNormalization",
    "QuantizedConv",
    "QuantizedDense",
    "SensitivityResult",
    "TfmotResult",
    "WeightClustering",
    "WeightConstraint",
    "adaround",
    "calibrate",
    "cluster",
    "correct_bias",
    "equalize",
    "prune",
    "quantize_aware",
    "quantize_with_tfmot",
    "sensitivity",
    "strip",
]
