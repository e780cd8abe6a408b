from .adaround import adaround as adaround
from .calibrate import calibrate as calibrate
from .cluster import cluster as cluster
from .compression_report import CompressionReport as CompressionReport
from .compression_report import LayerSize as LayerSize
from .compression_report import TFLiteSize as TFLiteSize
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
from .quantized_activation import QuantizedActivation as QuantizedActivation
from .quantized_average import QuantizedAverage as QuantizedAverage
from .quantized_batch_normalization import (
    QuantizedBatchNormalization as QuantizedBatchNormalization,
)
from .quantized_conv import QuantizedConv as QuantizedConv
from .quantized_conv_transpose import QuantizedConvTranspose as QuantizedConvTranspose
from .quantized_dense import QuantizedDense as QuantizedDense
from .quantized_einsum_dense import QuantizedEinsumDense as QuantizedEinsumDense
from .quantized_embedding import QuantizedEmbedding as QuantizedEmbedding
from .quantized_group_normalization import (
    QuantizedGroupNormalization as QuantizedGroupNormalization,
)
from .quantized_gru import QuantizedGRU as QuantizedGRU
from .quantized_layer_normalization import (
    QuantizedLayerNormalization as QuantizedLayerNormalization,
)
from .quantized_layer_scale import QuantizedLayerScale as QuantizedLayerScale
from .quantized_lstm import QuantizedLSTM as QuantizedLSTM
from .quantized_multi_head_attention import (
    QuantizedMultiHeadAttention as QuantizedMultiHeadAttention,
)
from .quantized_p_relu import QuantizedPReLU as QuantizedPReLU
from .quantized_rescaling import QuantizedRescaling as QuantizedRescaling
from .quantized_separable_conv import QuantizedSeparableConv as QuantizedSeparableConv
from .report import report as report
from .scheme import QuantizationScheme as QuantizationScheme
from .sensitivity import sensitivity as sensitivity
from .sensitivity_result import LayerCost as LayerCost
from .sensitivity_result import SensitivityResult as SensitivityResult
from .strip import strip as strip
from .weight_clustering import WeightClustering as WeightClustering
from .weight_constraint import WeightConstraint as WeightConstraint

__all__ = [
    "CompressionReport",
    "ConstantSparsity",
    "ConstrainedLayer",
    "FakeQuantize",
    "LayerCost",
    "LayerSize",
    "MagnitudePruning",
    "PolynomialDecay",
    "PruningSchedule",
    "QuantizationScheme",
    "QuantizedActivation",
    "QuantizedAverage",
    "QuantizedBatchNormalization",
    "QuantizedConv",
    "QuantizedConvTranspose",
    "QuantizedDense",
    "QuantizedEinsumDense",
    "QuantizedEmbedding",
    "QuantizedGRU",
    "QuantizedGroupNormalization",
    "QuantizedLSTM",
    "QuantizedLayerNormalization",
    "QuantizedLayerScale",
    "QuantizedMultiHeadAttention",
    "QuantizedPReLU",
    "QuantizedRescaling",
    "QuantizedSeparableConv",
    "SensitivityResult",
    "TFLiteSize",
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
    "report",
    "sensitivity",
    "strip",
]
