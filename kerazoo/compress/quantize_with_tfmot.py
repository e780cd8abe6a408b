"""tfmot's quantization-aware training for a Keras 3 model, in a process of its own.

TensorFlow Model Optimization knows Keras 2 only (its issue #1119). The model's config and weights
go to another process, which rebuilds it there, trains it, and gives back the .tflite file.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerazoo.argument_checks import check_integer
from kerazoo.compress import _tfmot_process
from kerazoo.errors import ConfigError, ExportError, MissingDependencyError


@dataclass(frozen=True)
class TfmotResult:
    """What tfmot made: `tflite`, the file's content, and `history` as `fit` gives it."""

    tflite: bytes
    history: Mapping[str, list[float]]


def quantize_with_tfmot(
    model: keras.Model,
    x: Any,
    y: Any,
    *,
    optimizer: Any = "adam",
    loss: Any = "mse",
    metrics: Sequence[str] = (),
    epochs: int = 1,
    batch_size: int = 128,
    shuffle: bool = True,
    skip: Sequence[str] = (),
    seed: int = 0,
    python: str | os.PathLike[str] | None = None,
) -> TfmotResult:
    """Train `model` with TensorFlow Model Optimization's int8 quantization; the .tflite file.

    For those who want tfmot's numbers, or to compare with them; `quantize_aware` is kerazoo's own
    and takes more layers. The model itself is left as it is. What is not in Keras 2, or what tfmot
    does not support (nested models, Rescaling, LayerNormalization, ...), is refused by name.

    Args:
        model: functional or Sequential, of Keras's own layers, built.
        x: array `(samples, ...)`, or a list of them for several inputs.
        y: likewise, the targets.
        optimizer: a name or a Keras optimizer; schedules as well.
        loss: a name or one of Keras's losses.
        metrics: names, as `compile` takes them.
        epochs: 1 or more: activation ranges come from training.
        batch_size: 1 or more.
        shuffle: as in `fit`.
        skip: names of layers that stay float.
        seed: of the order of the samples and of dropout.
        python: a Python in which the extra is installed; this one if None.

    Raises:
        ConfigError: the model, optimizer or loss is not Keras 2's, or tfmot refuses the model.
        MissingDependencyError: tfmot is not installed in that Python.
        ExportError: training or conversion failed.

    >>> import keras, numpy as np, kerazoo
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> x, y = np.zeros((8, 4), "float32"), np.zeros((8, 2), "float32")
    >>> kerazoo.compress.quantize_with_tfmot(model, x, y).history["loss"]  # doctest: +SKIP
    [0.0]
    """
    request = {
        "model": _serialized(model),
        "optimizer": _spec(keras.optimizers.get(optimizer)),
        "loss": loss if isinstance(loss, str) else _spec(keras.losses.get(loss)),
        "metrics": list(metrics),
        "fit": {
            "epochs": check_integer("epochs", epochs),
            "batch_size": check_integer("batch_size", batch_size),
            "shuffle": bool(shuffle),
        },
        "skip": _known_names(model, skip),
        "seed": check_integer("seed", seed, least=0),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "request.json").write_text(json.dumps(request, default=float))
        np.savez(folder / "weights.npz", **_weights(model))
        for letter, arrays in (("x", x), ("y", y)):
            for number, array in enumerate(arrays if isinstance(arrays, list) else [arrays]):
                np.save(folder / f"{letter}{number:03}.npy", np.asarray(array), allow_pickle=False)
        answer = _run(folder, str(python or sys.executable))
        return TfmotResult((folder / "model.tflite").read_bytes(), answer["history"])


def _run(folder: Path, python: str) -> dict[str, Any]:
    """The answer of the process, which reads and writes `folder`."""
    # Copied: beside the original, the names of this package's files would stand in front.
    program = shutil.copy(Path(_tfmot_process.__file__), folder / "tfmot_process.py")
    command = [python, str(program), str(folder)]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, "TF_USE_LEGACY_KERAS": "1"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    except OSError as error:
        raise ConfigError(f"`python`: {python!r} does not start: {error.strerror}.") from error
    file = folder / "answer.json"
    if done.returncode or not file.is_file():
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
        raise ExportError(f"tfmot's process failed: {lines[-1].strip()[:500]}")
    answer = json.loads(file.read_text())
    if "missing" in answer:
        raise MissingDependencyError(
            f"{python} does not have {answer['missing']}, which tfmot's engine needs: "
            'pip install "kerazoo[tfmot]".'
        )
    if "refusal" in answer:
        raise ConfigError(answer["refusal"])
    return answer


def _serialized(model: keras.Model) -> dict[str, Any]:
    spec = keras.saving.serialize_keras_object(model)
    if spec["class_name"] not in ("Functional", "Sequential") or not model.built:
        raise ConfigError(
            "tfmot takes functional and Sequential models that are built. Received: "
            f"{type(model).__name__}, built={model.built}."
        )
    return spec


def _spec(thing: Any) -> dict[str, Any]:
    return {"class_name": type(thing).__name__, "config": thing.get_config()}


def _weights(model: keras.Model, path: str = "") -> dict[str, Any]:
    """All arrays by layer, as tfmot's process looks for them."""
    arrays: dict[str, Any] = {}
    for layer in model.layers:
        place = f"{path}{layer.name}"
        if isinstance(layer, keras.Model):
            arrays |= _weights(layer, f"{place}/")
            continue
        values = layer.get_weights()
        arrays[f"{place}:count"] = np.array(len(values))
        arrays |= {f"{place}:{number}": value for number, value in enumerate(values)}
    return arrays


def _known_names(model: keras.Model, skip: Sequence[str]) -> list[str]:
    names = {layer.name for layer in model.layers}
    unknown = sorted(set(skip) - names)
    if unknown:
        raise ConfigError(f"`skip` names no layer of the model: {unknown[0]!r}.")
    return list(skip)
