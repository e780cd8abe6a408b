"""From a model or the name of one to a checked file: the top of the path."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo.errors import ExportError
from kerazoo.exporters import formats, metadata, tflite
from kerazoo.exporters.accuracy_limit import WithinLimit, check_limit, within_limit
from kerazoo.exporters.carried import (
    carried_mode,
    constrained,
    for_conversion,
    mode_of,
    needs_samples,
)
from kerazoo.exporters.chosen_samples import choose_samples, labelled_zoo_samples
from kerazoo.exporters.detections import quantized_up_to_boxes, suppresses
from kerazoo.exporters.interface import Interface, describe
from kerazoo.exporters.modes import check_mode
from kerazoo.exporters.precision import in_float32
from kerazoo.exporters.report import ExportReport
from kerazoo.exporters.writing import write_other, write_tflite
from kerazoo.labels_file import labels_beside

if TYPE_CHECKING:
    import numpy as np


def export(
    model_or_name: Any,
    path: str | os.PathLike[str],
    *,
    quantize: str | None = None,
    calibration: Any = None,
    batch: int | None = 1,
    labels: Sequence[str] | None = None,
    verify: bool = True,
    max_accuracy_drop: float | None = None,
) -> ExportReport:
    """Write a model as a file, run that file, and report how it compares with the model.

    The file appears under `path` only once it has passed; an earlier file stays until then.

    Args:
        model_or_name: a functional or Sequential keras.Model, the name of a zoo model, or the path
            of a `.keras` file. Models trained in mixed precision are exported in float32 (a .keras
            file keeps their policy).
        path: `.tflite`, `.onnx` or `.keras`; no suffix makes a SavedModel folder. Missing folders
            are made.
        quantize: None, or for .tflite "float16", "dynamic", "int8" (float32 in and out),
            "int8_io" (int8 in and out) or "int16x8". A model made by
            `kerazoo.compress.quantize_aware` carries its quantization, which None stands for;
            where its activations have 8 bits, "int8_io" gives integer ends.
        calibration: a few hundred typical inputs for the int8 modes and int16x8, checked with in
            any mode: an array `(samples, ...)` as the model takes it, a tuple or dict of them, a
            tf.data.Dataset of batches with or without labels, or an iterable of batches. None
            takes a zoo model's own training images.
        batch: rows per run of a .tflite file, 1 or above; None leaves it open, which newer LiteRT
            runtimes refuse. The other formats take any number of rows.
        labels: one text per class, stored in a .tflite file; None takes those that `fine_tune`
            wrote beside a .keras file, or those of a zoo model's data set.
        verify: compare file and model, and raise when they differ beyond the mode's tolerance
            (`kerazoo.exporters.tolerances`).
        max_accuracy_drop: the accuracy that the file may lose against the float model, as a
            fraction (0.005 is half a point): as few layers stay in float as that takes, the most
            sensitive ones (`kerazoo.compress.sensitivity`), and the report names them. Needs
            `quantize`, and `calibration` as (x, y) or a dataset of such batches; None takes a zoo
            model's own training data. 2,048 samples are used.

    Returns:
        ExportReport: print it for a table.

    Raises:
        kerazoo.errors.UnknownNameError: no such model or quantize mode.
        kerazoo.errors.DataError: calibration data or labels that do not fit.
        kerazoo.errors.ExportError: a suffix, an operator or a model that cannot be exported.
        kerazoo.errors.VerificationError: the file disagrees; names the layer where that begins.
        kerazoo.errors.MissingDependencyError: .onnx without the extra "onnx".
        kerazoo.errors.RunError: the folder cannot be written, or the disk is full.

    >>> import keras, kerazoo, numpy as np
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> typical = np.random.default_rng(0).normal(size=(64, 4))
    >>> report = kerazoo.export(model, "two.tflite", quantize="int8", calibration=typical)
    >>> report.integer_only, report.ops
    (True, {'QUANTIZE': 1, 'FULLY_CONNECTED': 1, 'DEQUANTIZE': 1})

    A zoo model brings its own calibration data and labels:

    ```python
    print(kerazoo.export("mnist_cnn", "digits.tflite", quantize="int8"))
    ```
    """
    target, file_format = Path(path), formats.format_of(path)
    check_arguments(target, file_format, quantize, batch)
    if max_accuracy_drop is not None:
        check_limit(max_accuracy_drop, quantize)
    model, card = _model_and_card(model_or_name, file_format)
    _check_backend(file_format)
    interface = describe(model)  # refuses what is no model before anything else looks into it
    if labels is None and file_format == "tflite" and interface.classes != 1:
        labels = labels_beside(model_or_name)
    if file_format != "keras":
        model = constrained(in_float32(model))
    if file_format != "tflite":
        return _export_other(model, card, target, file_format, calibration, labels, verify)
    limited = None
    if max_accuracy_drop is not None:
        limited = _within_limit(model, card, calibration, str(quantize), max_accuracy_drop)
        model, calibration = limited.model, tuple(limited.samples)
    report = _export_tflite(model, card, target, quantize, calibration, batch, labels, verify)
    if limited is not None:
        report.accuracy_drop, report.float_layers = limited.drop, limited.float_layers
    return report


def _export_tflite(
    model: Any,
    card: Any,
    target: Path,
    quantize: str | None,
    calibration: Any,
    batch: int | None,
    labels: Sequence[str] | None,
    verify: bool,
) -> ExportReport:
    """Convert, add the metadata, check and write."""
    interface, mode = describe(model), mode_of(model, quantize)
    is_calibrated = needs_samples(model, mode)
    chosen_labels = _labels(labels, card, interface)
    samples, data = choose_samples(
        model, interface, card, calibration, mode if is_calibrated else None, verify
    )
    if is_calibrated and samples and suppresses(model):
        model = quantized_up_to_boxes(model, samples, str(mode))
        interface, is_calibrated = describe(model), False
    content = tflite.convert(
        for_conversion(model, mode),
        interface,
        quantize=mode,
        calibration=samples if is_calibrated else None,
        is_carried=not is_calibrated and carried_mode(model) is not None,
        batch=batch,
    )
    content = metadata.write(content, _metadata(model, card, chosen_labels, mode))
    return write_tflite(model, interface, target, content, mode, data)


def _export_other(
    model: Any,
    card: Any,
    target: Path,
    file_format: str,
    calibration: Any,
    labels: Sequence[str] | None,
    verify: bool,
) -> ExportReport:
    """Check and write a file that takes the model as it is."""
    if labels is not None:
        raise ExportError("`labels` are stored in .tflite files only.")
    if file_format == "onnx" and carried_mode(model) is not None:
        raise ExportError(
            f"ONNX has no form of the rounding in {model.name!r}: export "
            "`kerazoo.compress.strip(model)`, its plain layers with the rounded weights, or "
            "write a .tflite file."
        )
    interface = describe(model)
    _, data = choose_samples(model, interface, card, calibration, None, verify)
    return write_other(model, interface, target, file_format, data)


def _within_limit(
    model: Any, card: Any, calibration: Any, quantize: str, limit: float
) -> WithinLimit:
    """The model with as few layers in float as `max_accuracy_drop` takes."""

    def write(candidate: Any, path: Path, samples: list[np.ndarray]) -> None:
        export(candidate, path, calibration=tuple(samples), verify=False)

    data = labelled_zoo_samples(card) if calibration is None else calibration
    return within_limit(model, data, quantize=quantize, limit=limit, write=write)


def check_arguments(
    target: Path, file_format: str, quantize: str | None, batch: int | None
) -> None:
    """All that can be refused before a model is built or data is read."""
    check_mode(quantize)
    if file_format != "tflite":
        if quantize is not None:
            raise ExportError(
                f"quantize={quantize!r} needs a path that ends in .tflite. "
                f"Received: {str(target)!r}."
            )
        if batch not in (1, None):
            raise ExportError("`batch` is for .tflite files; the other formats take any batch.")
    is_number = isinstance(batch, int) and not isinstance(batch, bool)
    if batch is not None and (not is_number or batch < 1):
        raise ExportError(f"`batch` must be 1 or above, or None. Received: {batch!r}.")
    formats.check_target(target, file_format)
    if file_format == "onnx":
        from kerazoo.exporters.onnx import check_installed

        check_installed()


def _check_backend(file_format: str) -> None:
    import keras

    backend = keras.backend.backend()
    if backend != "tensorflow" and file_format != "keras":
        raise ExportError(
            f"Exporting needs the TensorFlow backend; this process runs {backend!r}. Save the "
            "model to a .keras file here, and export that with KERAS_BACKEND=tensorflow."
        )


def _model_and_card(model_or_name: Any, file_format: str) -> tuple[Any, Any]:
    """The model, and its card if it is one of the zoo's. Such a model becomes what its task asks
    for, boxes of a detector, say; in a .keras file, which is to be trained on, it stays."""
    from kerazoo import datasets, zoo
    from kerazoo.tasks import find_task

    model = model_or_name
    if isinstance(model, str | os.PathLike):
        model = zoo.open_model(model)
    name = getattr(model, "name", None)
    if name not in zoo.list_models():
        return model, None
    card = zoo.info(name)
    if card.dataset and file_format != "keras":
        model = find_task(card.task).deployed(model, datasets.info(card.dataset))
    return model, card


def _labels(labels: Sequence[str] | None, card: Any, interface: Interface) -> list[str] | None:
    """The labels asked for, else those of the card's data set if they are as many as classes."""
    if labels is not None:
        return metadata.check_labels(labels, interface.classes)
    if card is None or not card.dataset:
        return None
    from kerazoo import datasets

    return datasets.info(card.dataset).labels(interface.classes or 0)


def _metadata(model: Any, card: Any, labels: list[str] | None, quantize: str | None) -> dict:
    """What a phone app wants to know of the file it was given."""
    facts = {key: getattr(card, key) for key in ("task", "summary", "license", "dataset") if card}
    try:
        version = importlib.metadata.version("kerazoo")
    except importlib.metadata.PackageNotFoundError:  # run from a checkout that is not installed
        version = "unknown"
    return {
        "name": card.name if card else model.name,
        **facts,
        "labels": labels,
        "quantize": quantize,
        "kerazoo_version": version,
    }
