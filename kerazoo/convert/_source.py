"""Where an old model comes from: a .h5 or .keras file, a SavedModel, or a model in memory."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from kerazoo.convert._hdf5 import open_hdf5, read_json, read_text
from kerazoo.convert._keras2_original import keras2_original
from kerazoo.convert._saved_arrays import (
    Arrays,
    SavedArray,
    arrays_of_archive,
    arrays_of_checkpoint,
    arrays_of_h5,
)
from kerazoo.convert._saved_json import parse_json
from kerazoo.convert._saved_model_config import saved_model_config
from kerazoo.convert._spec import ModelSpec
from kerazoo.errors import ConversionError

LARGEST_MEMBER = 1 << 30  # bytes of a packed file's part; above it, it must be there in earnest
MOST_EXPANSION = 100


@dataclass(frozen=True)
class Source:
    """An old model, as it is kept.

    Attributes:
        name: what to call it in errors.
        config: `{"class_name": ..., "config": ...}`; None where there are weights only.
        arrays: gives the weights for the model's spec.
        original: gives the model in tf_keras.
    """

    name: str
    config: Any
    arrays: Callable[[ModelSpec], Arrays]
    original: Callable[[], Any]


def open_source(path_or_model: Any) -> Source:
    """Read what is at the path, or what the model is. Nothing of it is executed.

    Raises:
        ConversionError: it is none of these, or damaged, or of Keras 3 already.
    """
    if not isinstance(path_or_model, str | os.PathLike):
        return _live(path_or_model)
    path = Path(path_or_model)
    if (path / "saved_model.pb").is_file():
        return _saved_model(path)
    if not path.is_file():
        raise ConversionError(
            f"{str(path)!r} is not there, or is a folder without a saved_model.pb. Expected: a .h5 "
            "or .keras file, a SavedModel's folder, or a tf_keras model; `kerazoo convert --model` "
            "also takes a checkpoint by its prefix, beside which PREFIX.index must be."
        )
    if zipfile.is_zipfile(path):
        return _keras_archive(path)
    if path.suffix == ".keras" and not h5py.is_hdf5(path):  # both are Keras 2's under this name
        raise ConversionError(
            f"{path.name} is neither a zip archive, as .keras files are, nor an HDF5 file: it is "
            "damaged, or something else."
        )
    return _h5(path)


def _h5(path: Path) -> Source:
    with open_hdf5(path, path.name) as file:
        config = read_json(file, "model_config")
        _refuse_keras3(read_text(file, "keras_version"), path.name)
        # What Keras 3 calls .weights.h5, and Keras 2 has since 2.12, goes by place.
        if "layer_names" in file.get("model_weights", file).attrs or "model_weights" in file:
            found = arrays_of_h5(file)
            return Source(path.name, config, lambda spec: found, _original(config, path))

    def arrays(spec: ModelSpec) -> Arrays:
        with open_hdf5(path, path.name) as again:
            return arrays_of_archive(again, spec)

    return Source(path.name, config, arrays, _original(config, path))


def _keras_archive(path: Path) -> Source:
    with zipfile.ZipFile(path) as archive:
        config = parse_json(_member(archive, "config.json", path.name), "config.json")
        metadata = parse_json(_member(archive, "metadata.json", path.name), "metadata.json")
        _refuse_keras3(str(metadata.get("keras_version", "")), path.name)
        weights = io.BytesIO(_member(archive, "model.weights.h5", path.name))

    def arrays(spec: ModelSpec) -> Arrays:
        with open_hdf5(weights, f"{path.name}: model.weights.h5") as file:
            return arrays_of_archive(file, spec)

    return Source(path.name, config, arrays, _original(config, path))


def _member(archive: zipfile.ZipFile, member: str, name: str) -> bytes:
    try:
        info = archive.getinfo(member)
        if info.file_size > max(LARGEST_MEMBER, MOST_EXPANSION * info.compress_size):
            raise ConversionError(
                f"{name}: {member} declares {info.file_size:,} bytes and stores "
                f"{info.compress_size:,}: refused."
            )
        return archive.read(info)
    except (KeyError, zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError) as error:
        raise ConversionError(f"{name} has no readable {member}: no Keras file.") from error


def _saved_model(path: Path) -> Source:
    prefix = str(path / "variables" / "variables")
    config = saved_model_config(path)
    return Source(
        path.name,
        config,
        lambda spec: arrays_of_checkpoint(prefix, spec),
        lambda: keras2_original(config, prefix),
    )


def _live(model: Any) -> Source:
    bases = {base.__module__.split(".")[0] for base in type(model).__mro__}
    if "tf_keras" not in bases or not hasattr(model, "layers"):
        raise ConversionError(
            f"A path or a tf_keras model is expected. Received: {type(model).__name__} of "
            f"{type(model).__module__}."
        )
    try:
        config = parse_json(model.to_json(), "model's config")
    except (NotImplementedError, TypeError, ValueError):
        config = {"class_name": type(model).__name__, "config": {}}
    return Source(model.name, config, lambda spec: _live_arrays(model), lambda: model)


def _live_arrays(model: Any, path: tuple[str, ...] = ()) -> Arrays:
    found: Arrays = {}
    for layer in model.layers:
        here = (*path, layer.name)
        if hasattr(layer, "layers"):
            found |= _live_arrays(layer, here)
        else:
            weights = layer.trainable_weights + layer.non_trainable_weights
            found[here] = [SavedArray(weight.name, weight.numpy()) for weight in weights]
    return found


def _original(config: Any, path: Path) -> Callable[[], Any]:
    return lambda: keras2_original(config, str(path))


def _refuse_keras3(version: str | None, name: str) -> None:
    if version and version.split(".")[0] == "3":
        raise ConversionError(
            f"{name} was written by Keras {version}: it needs no conversion, "
            "keras.saving.load_model reads it."
        )
