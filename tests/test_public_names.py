"""The public names, frozen: a name goes in or out of this list on purpose, and documented."""

import importlib
import inspect

import pytest

PUBLIC = {
    "kerazoo": [
        "ExportReport",
        "KerazooError",
        "ModelCard",
        "Prediction",
        "TFLiteModel",
        "TrainResult",
        "add_config",
        "compress",
        "convert",
        "datasets",
        "distill",
        "distribute",
        "errors",
        "evaluate",
        "export",
        "exporters",
        "fine_tune",
        "get",
        "hub",
        "info",
        "inspect",
        "layers",
        "list_models",
        "load_tflite",
        "losses",
        "metrics",
        "predict",
        "register",
        "rl",
        "scan",
        "tasks",
        "train",
        "training",
        "verify",
        "zoo",
    ],
    "kerazoo.scan": ["Finding", "Report", "verify"],
    "kerazoo.tasks": [
        "Box",
        "Prediction",
        "Task",
        "find_task",
        "inputs_for",
        "save_pictures",
    ],
    "kerazoo.zoo": [
        "ModelCard",
        "add_config",
        "get",
        "info",
        "list_models",
        "open_model",
        "predict",
        "register",
    ],
    "kerazoo.datasets": [
        "Augment",
        "Batches",
        "Dataset",
        "info",
        "list_datasets",
        "load",
        "load_numpy",
        "shard",
        "shard_files",
    ],
    "kerazoo.training": ["DepthRates", "Loop", "TrainResult", "evaluate", "fine_tune", "train"],
    "kerazoo.exporters": [
        "QUANTIZE_MODES",
        "ExportReport",
        "Latency",
        "LayerError",
        "LayerErrors",
        "OperatorComparison",
        "OperatorSteps",
        "TFLiteModel",
        "Uncompared",
        "export",
        "load_tflite",
        "measure_latency",
    ],
    "kerazoo.layers": [
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
    ],
    "kerazoo.losses": [
        "AnchorFreeLoss",
        "InBatchSoftmaxLoss",
        "QuantileLoss",
        "SmoothedCrossentropy",
    ],
    "kerazoo.metrics": [
        "BLEU",
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
        "NDCG",
        "PrecisionAtK",
        "RecallAtK",
        "TokenAccuracy",
        "WordErrorRate",
    ],
    "kerazoo.distill": [
        "AttentionTransfer",
        "ContrastiveRepresentation",
        "DIST",
        "DecoupledDistillation",
        "Distiller",
        "FeatureDistillation",
        "LogitsDistillation",
        "RelationalDistillation",
        "SimilarityPreserving",
        "cache_teacher",
    ],
    "kerazoo.convert": [
        "NameMapping",
        "from_keras2",
        "from_tf1_checkpoint",
        "infer_mapping",
        "keras2_hard_sigmoid",
        "to_keras2",
    ],
    "kerazoo.compress": [
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
    ],
    "kerazoo.training.steps": [
        "AdversarialTraining",
        "Contrastive",
        "LengthGroups",
        "MeanTeacher",
        "MixedSampleAugment",
        "RDrop",
        "SharpnessAware",
    ],
    "kerazoo.distribute": [
        "AsynchronousLoop",
        "Cluster",
        "HostCommand",
        "beat",
        "cluster_from_environment",
        "host_commands",
        "launch",
        "prepare",
        "serve",
        "strategy",
    ],
    "kerazoo.hub": ["Backbone", "HubLayer", "backbone", "classifier", "trust"],
    "kerazoo.inspect": [
        "GRAPH_FORMATS",
        "Edge",
        "Environment",
        "Graph",
        "GraphChanges",
        "LayerProfile",
        "Node",
        "Profile",
        "Tensor",
        "Variable",
        "environment",
        "graph",
        "profile",
    ],
}
ALL_NAMES = [(module, name) for module, names in PUBLIC.items() for name in names]


@pytest.mark.parametrize("module", PUBLIC)
def test_the_list_is_complete(module):
    assert sorted(importlib.import_module(module).__all__) == sorted(PUBLIC[module])


@pytest.mark.parametrize("module", PUBLIC)
def test_names_show_in_dir(module):
    assert set(PUBLIC[module]) <= set(dir(importlib.import_module(module)))


@pytest.mark.parametrize(("module", "name"), ALL_NAMES)
def test_a_name_can_be_imported_and_is_documented(module, name):
    value = getattr(importlib.import_module(module), name)
    if not (inspect.ismodule(value) or callable(value)):
        return  # a constant
    documentation = value.__doc__ or ""
    assert len(documentation.split()) >= 4, f"{module}.{name} says nothing of itself"
    assert not documentation.startswith(f"{name}("), f"{name} has only its generated signature"


@pytest.mark.parametrize("name", ["predict", "train", "evaluate", "export", "get", "register"])
def test_the_main_functions_show_an_example(name):
    import kerazoo

    assert "kerazoo" in (getattr(kerazoo, name).__doc__ or "").split("Raises:")[-1]


def test_a_name_that_does_not_exist_is_an_attribute_error():
    import kerazoo

    with pytest.raises(AttributeError, match="no_such_name"):
        kerazoo.no_such_name  # noqa: B018
