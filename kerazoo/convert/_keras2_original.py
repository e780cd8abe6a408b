"""The original of a saved model, in tf_keras, to compare the converted one with.

tf_keras's own loader of whole files is not used: it makes any object that a config names. It
gets a cleaned config in its place, in which layers are of the kinds that were converted already,
and everything else is a number or a name. Initializers, regularizers and constraints, which do not
change outputs, are left out. The weights are read by tf_keras from the file itself.
"""

from __future__ import annotations

import importlib.util
from typing import Any

from kerazoo.convert._keras2_config import MODELS
from kerazoo.convert._keras3_layers import LAYERS_INSIDE
from kerazoo.errors import ConversionError

LEFT_OUT = ("initializer", "regularizer", "constraint")


def has_keras2() -> bool:
    """Whether tf_keras can be imported."""
    return importlib.util.find_spec("tf_keras") is not None


def keras2_original(saved: dict[str, Any], weights: str) -> Any:
    """The tf_keras model of a saved config, with the weights of a file.

    Args:
        saved: `{"class_name": ..., "config": ...}`, all of whose layers were converted.
        weights: a .h5 or .keras file, or the prefix of a checkpoint.

    Raises:
        ConversionError: tf_keras does not take it.
    """
    import tf_keras

    try:
        with tf_keras.saving.custom_object_scope(application_layers()):
            model = tf_keras.layers.deserialize(cleaned(saved), use_legacy_format=True)
        restored = model.load_weights(weights)
        if hasattr(restored, "expect_partial"):
            restored.assert_existing_objects_matched()
    except (ValueError, TypeError, KeyError, AttributeError, AssertionError) as error:
        problem = " ".join(str(error).split())[:300]
        raise ConversionError(f"tf_keras cannot load the original to compare: {problem}") from error
    return model


def application_layers() -> dict[str, Any]:
    """Layers of tf_keras.applications that it does not register itself."""
    from tf_keras.src.applications import convnext, inception_resnet_v2

    return {
        "Custom>CustomScaleLayer": inception_resnet_v2.CustomScaleLayer,
        "CustomScaleLayer": inception_resnet_v2.CustomScaleLayer,
        "LayerScale": convnext.LayerScale,
        "StochasticDepth": convnext.StochasticDepth,
    }


def cleaned(saved: dict[str, Any]) -> dict[str, Any]:
    """The same layer or model in the older format, with nothing in it that names a program."""
    kind, config = saved["class_name"], saved["config"]
    if isinstance(config, list):
        config = {"name": "sequential", "layers": config}
    if kind in MODELS:
        config = {**config, "layers": [cleaned(layer) for layer in config["layers"]]}
        new: dict[str, Any] = {key: config[key] for key in MODEL_PARTS if key in config}
    else:
        new = {
            name: _cleaned(name, value) for name, value in config.items() if not _is_left_out(name)
        }
    others: dict[str, Any] = {key: saved[key] for key in ("name", "inbound_nodes") if key in saved}
    return {"class_name": kind, "config": new, **others}


MODEL_PARTS = ("name", "layers", "input_layers", "output_layers", "build_input_shape")


def _is_left_out(name: str) -> bool:
    return name.endswith(LEFT_OUT)


def _cleaned(name: str, value: Any) -> Any:
    if name in LAYERS_INSIDE:
        if isinstance(value, list):
            return [cleaned(one) for one in value]
        return cleaned(value) if isinstance(value, dict) else None
    if isinstance(value, dict):
        if name == "dtype":
            return value["config"]["name"]
        if "activation" in name:
            return value["config"]
        return None
    return value
