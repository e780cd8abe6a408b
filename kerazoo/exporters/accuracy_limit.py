"""Quantization of as much of a model as a limit on the loss of accuracy allows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo.argument_checks import check_number
from kerazoo.errors import DataError, ExportError
from kerazoo.exporters.carried import carried_mode
from kerazoo.exporters.interface import describe
from kerazoo.exporters.modes import CALIBRATED_MODES, CARRIED_MODES
from kerazoo.exporters.tflite_model import load_tflite

CALIBRATION_SHARE = 0.2
"""Of the samples: ranges settle within a few hundred, accuracy wants as many as there are."""


@dataclass(frozen=True)
class WithinLimit:
    """The quantized model whose file keeps the accuracy.

    Attributes:
        model: made by `quantize_aware` and calibrated.
        samples: the arrays it was calibrated on, one for each input.
        float_layers: names of the layers that stay in float.
        drop: accuracy of the float model less that of the file, as a fraction.
    """

    model: Any
    samples: list[np.ndarray]
    float_layers: tuple[str, ...]
    drop: float


def check_limit(limit: float, quantize: str | None) -> None:
    """Raise what can be refused before a model is built."""
    check_number("max_accuracy_drop", limit, least=0, below=1)
    modes = sorted({*CALIBRATED_MODES, *CARRIED_MODES})
    if quantize not in modes:
        raise ExportError(
            f"`max_accuracy_drop` needs `quantize` to be one of {', '.join(modes)}. "
            f"Received: {quantize!r}."
        )


def within_limit(
    model: Any,
    data: Any,
    *,
    quantize: str,
    limit: float,
    write: Callable[[Any, Path, list[np.ndarray]], Any],
) -> WithinLimit:
    """Quantize all layers, or all but as few of the most sensitive ones as the limit takes.

    Args:
        model: in float.
        data: (x, y), or batches of such pairs: a fifth gives the ranges, the rest the accuracy.
        quantize: "int8", "int8_io", "int16x8", "int8_weights" or "int4_weights".
        limit: of accuracy lost, as a fraction: 0.005 are half a point.
        write: called as `write(model, path, samples)`, writes the file of a quantized model; the
            samples are for ranges that it does not carry.

    Raises:
        DataError: the data have no targets, or do not fit.
        ExportError: the model is quantized already, or the limit is not kept even so.
    """
    from kerazoo.compress._accuracy import accuracy
    from kerazoo.compress.sensitivity import sensitivity

    scheme = "int8" if quantize == "int8_io" else quantize
    ranges, held_out, targets = _parts(model, data)
    reference = accuracy(_predict(model, held_out), targets)
    skipped: list[str] = []
    order: list[tuple[str, ...]] | None = None
    while True:
        quantized = _quantized(model, scheme, skipped, ranges)
        outputs = _outputs_of_file(quantized, held_out, ranges, write)
        drop = reference - accuracy(outputs, targets)
        if drop <= limit:
            return WithinLimit(quantized, ranges, tuple(skipped), drop)
        if order is None:
            costs = sensitivity(model, (held_out, targets), scheme=scheme, metric="accuracy")
            order = [(entry.layer, *entry.also) for entry in costs]
        if len(order) < 2:  # with all in float, nothing would be quantized
            raise ExportError(
                f"{model.name!r} loses {drop:.4f} of its accuracy, {reference:.4f}, with all but "
                f"one layer in float; max_accuracy_drop={limit:g}. Train it with "
                f"kerazoo.compress.quantize_aware, or allow more."
            )
        skipped += order.pop(0)


def _parts(model: Any, data: Any) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """Samples for the ranges, and others with their targets for the accuracy."""
    from kerazoo.compress._labelled_samples import labelled_samples

    if carried_mode(model) is not None:
        raise ExportError(
            f"The model {model.name!r} is quantized already: `max_accuracy_drop` needs the float "
            f"model it came from."
        )
    samples, targets = labelled_samples(data, model)
    if targets is None:
        raise DataError(
            "`max_accuracy_drop` needs labels: pass `calibration` as (x, y), or a dataset of such "
            "batches."
        )
    if len(model.outputs) != 1 or len(targets) < 10:
        raise DataError(
            f"`max_accuracy_drop` needs one output and 10 labelled samples or more. Received: "
            f"{len(model.outputs)} and {len(targets)}."
        )
    is_for_ranges = np.arange(len(targets)) % round(1 / CALIBRATION_SHARE) == 0
    return (
        [array[is_for_ranges] for array in samples],
        [array[~is_for_ranges] for array in samples],
        targets[~is_for_ranges],
    )


def _quantized(model: Any, scheme: str, skipped: list[str], ranges: list[np.ndarray]) -> Any:
    from kerazoo.compress._layer_patterns import ExactName
    from kerazoo.compress.calibrate import calibrate
    from kerazoo.compress.quantize_aware import quantize_aware

    quantized = quantize_aware(model, scheme=scheme, skip=[ExactName(name) for name in skipped])
    return calibrate(quantized, ranges) if scheme != "int8_weights" else quantized


def _predict(model: Any, samples: list[np.ndarray]) -> np.ndarray:
    import keras

    from kerazoo.compress._samples import as_inputs

    outputs = model.predict(as_inputs(model, samples), batch_size=128, verbose=0)
    return keras.tree.flatten(outputs)[0]


def _outputs_of_file(
    model: Any,
    samples: list[np.ndarray],
    ranges: list[np.ndarray],
    write: Callable[[Any, Path, list[np.ndarray]], Any],
) -> np.ndarray:
    names = [port.name for port in describe(model).inputs]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "candidate.tflite"
        write(model, path, ranges)
        outputs = load_tflite(path).predict(dict(zip(names, samples, strict=True)))
    return np.asarray(next(iter(outputs.values())) if isinstance(outputs, dict) else outputs)
