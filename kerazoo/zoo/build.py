"""`get`: from a name to a Keras model, with the published weights and compiled as its recipe."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo.errors import ConfigError, KerazooError, WeightsError, nearest
from kerazoo.notices import notice
from kerazoo.zoo import registry
from kerazoo.zoo.agent_config import AnyConfig
from kerazoo.zoo.catalogue import find_any_config, list_models, weights_file
from kerazoo.zoo.compilation import compile_model
from kerazoo.zoo.config import Weights, ZooConfig
from kerazoo.zoo.keras_weights import load_keras_weights
from kerazoo.zoo.package_weights import read_package_weights
from kerazoo.zoo.weights import assign_matching, assign_weights, read_weights

if TYPE_CHECKING:
    import keras

HEAD = "logits"  # by convention, the name of a classifier's last layer


def get(
    name: str,
    *,
    weights: str | os.PathLike[str] | None = "default",
    compile: bool = True,
    **overrides: Any,
) -> keras.Model:
    """A model of the zoo, by name.

    It takes raw inputs (pixels 0..255, uint8 or float) and returns logits, unless
    `classifier_activation="softmax"` adds the activation.

    Args:
        name: one of `kerazoo.list_models()`.
        weights: "default", the published weights where the model has some, else fresh ones; another
            published tag; None, fresh weights; or a path to a `.safetensors`, `.keras` or
            `.weights.h5` file.
        compile: with the loss, metrics and optimizer of its recipe; an agent's network has none.
            A loss of logits becomes that of probabilities where `classifier_activation` adds them.
        overrides: the builder's own arguments. `num_classes=5` keeps every published weight that
            fits and makes a fresh head, and says so.

    Returns: a plain `keras.Model` with `fit`, `evaluate`, `predict` and `save`.

    Raises:
        UnknownNameError: no such model, builder or builder argument.
        ConfigError: the builder refuses the value of an override, or is itself broken.
        WeightsError: the weights are missing, damaged, swapped, or do not fit the overrides.
        MissingDependencyError: the weights come in a package that is not installed.

    >>> import kerazoo
    >>> model = kerazoo.get("mnist_cnn")
    >>> model.output_shape
    (None, 10)
    """
    config = find_any_config(name)
    model = build_with_weights(config, weights, **overrides)
    if compile and isinstance(config, ZooConfig):
        compile_model(model, config.training)
    return model


def build_with_weights(
    config: AnyConfig, weights: str | os.PathLike[str] | None, **overrides: Any
) -> keras.Model:
    """The uncompiled model of a config with the weights, and the errors, of `get`."""
    arrays = _find_weights(config, weights)
    model = build_model(config, **overrides)
    if isinstance(arrays, Path):
        load_keras_weights(model, arrays)
    elif arrays is not None:
        fresh = assign_weights(
            model,
            arrays,
            source=f"The weights file of {config.name!r}",
            fresh=(HEAD,) if overrides else (),
        )
        if fresh:
            notice(
                f"{config.name}: kept the published weights, made a fresh head "
                f"({', '.join(fresh)}): train it before use."
            )
    return model


def build_with_layers_of(config: AnyConfig, backbone: str) -> keras.Model:
    """The uncompiled model of a config, fresh but for the layers whose name and shapes are those
    of the zoo model `backbone`: they have its published weights.

    Raises:
        UnknownNameError: no such model.
        WeightsError: it has no published weights, they are damaged, or no layer is the same.
    """
    published = find_any_config(backbone)
    if "default" not in published.weights:
        raise WeightsError(f"{config.name}: {backbone!r} has no published weights to begin with.")
    arrays = _read_published(published, published.weights["default"])
    model = build_model(config)
    taken = assign_matching(model, arrays, source=f"The weights file of {backbone!r}")
    layers = {variable.path.split("/")[0] for variable in model.weights}
    notice(
        f"{config.name}: {len(taken)} of {len(layers)} layers begin with the published weights of "
        f"{backbone!r}, the others fresh."
    )
    return model


def open_model(name_or_path: str | os.PathLike[str]) -> keras.Model:
    """The zoo model of a name, or the model in a `.keras` file (loaded in Keras's safe mode).

    Args:
        name_or_path: a name as for `kerazoo.get`, or a path that ends in ".keras".

    Returns: the model, compiled with the recipe of the name, or as the file was saved.

    Raises:
        UnknownNameError: no such model.
        WeightsError: the file is missing, damaged, a `.tflite` file, or would run code.
        MissingDependencyError: the weights of the name come in a package that is not installed.

    >>> import kerazoo
    >>> kerazoo.get("linear_regression", compile=False).save("mine.keras")
    >>> kerazoo.zoo.open_model("mine.keras").output_shape
    (None, 1)
    """
    if str(name_or_path).endswith(".tflite"):
        raise WeightsError(
            f"{str(name_or_path)!r} is an exported file, no Keras model. What takes it: `kerazoo "
            f"predict`, `evaluate` and `benchmark`, and kerazoo.load_tflite in Python."
        )
    if not str(name_or_path).endswith(".keras"):
        _check_is_no_path(str(name_or_path))
        return get(str(name_or_path))
    if not Path(name_or_path).is_file():
        raise WeightsError(f"No model file {str(name_or_path)!r}.")
    if not zipfile.is_zipfile(name_or_path):  # of which Keras says that it is not there
        raise WeightsError(
            f"Cannot load the model {str(name_or_path)!r}: it is damaged, or no .keras file."
        )
    import keras

    try:
        return keras.saving.load_model(name_or_path)
    except Exception as error:  # Keras, h5py and zipfile each raise their own kinds
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"Cannot load the model {str(name_or_path)!r}: {reason}") from error


def _check_is_no_path(name: str) -> None:
    """Of a file or a folder there is more to say than that no model has that name."""
    if name in list_models() or not Path(name).exists():
        return
    inside = Path(name) / "model.keras"
    hint = f" Did you mean {str(inside)!r}?" if inside.is_file() else ""
    raise WeightsError(
        f"{name!r} is no model: give the name of a zoo model, or a .keras or .tflite file.{hint}"
    )


def build_model(config: AnyConfig, **overrides: Any) -> keras.Model:
    """The fresh, uncompiled model of a config, named after it.

    Raises:
        UnknownNameError: no such builder, or argument of it.
        ConfigError: the builder cannot be imported, refuses its arguments, or returns no model.
    """
    import keras

    builder = registry.find_builder(config.model.builder)
    arguments = {**config.model.arguments, **overrides}
    registry.check_arguments(builder, arguments)
    try:
        model = builder(**arguments)
    except KerazooError:
        raise
    except Exception as error:  # Keras and TensorFlow raise their own kinds, in several lines
        reason = " ".join(re.sub(r"\x1b\[\d*m", "", str(error)).split())[:200]
        raise ConfigError(
            f"{config.name}: the builder {config.model.builder!r} refuses its arguments: {reason}"
        ) from error
    if not isinstance(model, keras.Model):
        raise ConfigError(
            f"{config.name}: the builder {config.model.builder!r} must return a keras.Model. "
            f"Received: {type(model).__name__}."
        )
    model.name = config.name
    return model


def _find_weights(config: AnyConfig, weights: Any) -> dict[str, Any] | Path | None:
    """Read the weights before the model is built: what is wrong with them is said first."""
    if weights is None or (weights == "default" and not config.weights):
        return None
    if weights in config.weights:
        return _read_published(config, config.weights[weights])
    path = Path(weights)
    if not path.is_file():
        tags = list(config.weights)
        close = nearest(str(weights), tags)
        hint = (
            f"Did you mean {close[0]!r}?" if close else f"Published: {', '.join(tags) or 'none'}."
        )
        raise WeightsError(f"{config.name}: no weights file or tag {str(weights)!r}. {hint}")
    if path.suffix == ".safetensors":
        return read_weights(path)
    if path.name.endswith((".keras", ".weights.h5")):
        return path
    raise WeightsError(
        f"{config.name}: weights are read from .safetensors, .keras or .weights.h5 files. "
        f"Received: {str(path)!r}."
    )


def _read_published(config: AnyConfig, published: Weights) -> dict[str, Any]:
    if published.package is not None:
        return read_package_weights(published.package, published.file, sha256=published.sha256)
    return read_weights(weights_file(config, published), sha256=published.sha256)
