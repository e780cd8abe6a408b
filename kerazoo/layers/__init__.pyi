from .attention_pooling import AttentionPooling
from .cached_attention import CachedAttention
from .conv_norm_act import ConvNormAct
from .cosine_classifier import CosineClassifier
from .decode_boxes import DecodeBoxes
from .drop_path import DropPath
from .efficient_channel_attention import EfficientChannelAttention
from .generalized_mean_pooling import GeneralizedMeanPooling
from .ghost_module import GhostModule
from .gradient_reversal import GradientReversal
from .inverted_residual import InvertedResidual
from .layer_scale import LayerScale
from .log_mel_spectrogram import LogMelSpectrogram
from .monte_carlo_dropout import MonteCarloDropout
from .non_maximum_suppression import NonMaximumSuppression
from .patch_embedding import PatchEmbedding
from .reparameterizable_conv2d import ReparameterizableConv2D
from .rotary_embedding import RotaryEmbedding
from .sinusoidal_positions import SinusoidalPositions
from .spatial_pyramid_pooling import SpatialPyramidPooling
from .spec_augment import SpecAugment
from .squeeze_excite import SqueezeExcite
from .temporal_conv_block import TemporalConvBlock
from .transformer_block import TransformerBlock

__all__ = [
    "AttentionPooling",
    "CachedAttention",
    "ConvNormAct",
    "CosineClassifier",
    "DecodeBoxes",
    "DropPath",
    "EfficientChannelAttention",
    "GeneralizedMeanPooling",
    "GhostModule",
    "GradientReversal",
    "InvertedResidual",
    "LayerScale",
    "LogMelSpectrogram",
    "MonteCarloDropout",
    "NonMaximumSuppression",
    "PatchEmbedding",
    "ReparameterizableConv2D",
    "RotaryEmbedding",
    "SinusoidalPositions",
    "SpatialPyramidPooling",
    "SpecAugment",
    "SqueezeExcite",
    "TemporalConvBlock",
    "TransformerBlock",
]
