"""Running a freshly written .tflite file against its Keras model, before it gets its name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo.errors import DataError, ExportError, VerificationError
from kerazoo.exporters.calibration import Samples, take
from kerazoo.exporters.detections import suppresses, weighted_pairs
from kerazoo.exporters.graph_names import display, layer_paths, layers_in
from kerazoo.exporters.interface import Interface, run_keras
from kerazoo.exporters.latency import time_content
from kerazoo.exporters.layer_errors import LayerErrors, compare_layers
from kerazoo.exporters.operator_steps import (
    OperatorComparison,
    compare_operators,
    is_quantization_aware,
)
from kerazoo.exporters.operators import count, flex_operators, float_operators, list_operators
from kerazoo.exporters.report import ExportReport
from kerazoo.exporters.runtime_limits import tiny_ranges
from kerazoo.exporters.tflite_model import load_tflite
from kerazoo.exporters.tolerances import TOLERANCES
from kerazoo.exporters.verification import Comparison, compare
from kerazoo.notices import notice

LAYER_SAMPLES = 8
"""Layer errors average over every value of a layer, so a handful of samples is enough."""


@dataclass(frozen=True)
class CheckData:
    """Samples to compare on, and what they are in words."""

    samples: Samples
    words: str

    @property
    def count(self) -> int:
        return len(next(iter(self.samples.values())))


def add_operators(report: ExportReport, content: bytes) -> None:
    """Fill in what can be read from the file without running it.

    Raises:
        ExportError: an operator that only the Flex delegate runs.
    """
    operators = list_operators(content)
    flex = flex_operators(operators)
    if flex:
        raise ExportError(f"The file would need the Flex delegate for {', '.join(flex)}.")
    report.ops = count(operators)
    report.float_ops = float_operators(operators)
    report.integer_only = not report.float_ops


def check_tflite(
    report: ExportReport, written: Path, model: Any, interface: Interface, data: CheckData
) -> None:
    """Run the file that was `written` and fill in how it compares, layer by layer on demand.

    Raises:
        VerificationError: beyond the tolerance of its mode; names where the error first grows.
    """
    content = written.read_bytes()
    try:
        file_outputs = _run_file(written, interface, data.samples)
    except DataError as error:
        raise _cannot_run(report, model, content, error) from error

    def layers() -> LayerErrors:
        few = take(data.samples, LAYER_SAMPLES)
        if is_quantization_aware(model):
            return compare_operators(model, interface, content, few)
        return compare_layers(model, interface, content, few)

    report.compare_layers = layers
    comparison = add_comparison(report, model, interface, file_outputs, data)
    if comparison.problem:
        _judge(report, comparison.problem, layers())
    report.latency_us = time_content(content, seconds=2.0)


def _judge(report: ExportReport, problem: str, layers: LayerErrors) -> None:
    """Refuse the file, unless each of its operators is right and only the network amplifies.

    Where the model itself rounds as the file does, the operators decide: a deep network turns
    single roundings that fall the other way into large differences at its end.
    """
    if not isinstance(layers, OperatorComparison):
        raise VerificationError(_refusal(report, problem, layers))
    if not layers.is_sound:
        raise VerificationError(_refusal_of_operators(report, problem, layers))
    notice(
        f"{report.path.name}: {problem}, on {report.data}. Each operator is within a step of the "
        f"model on {layers.share_within_one:.2%} of its values, so the file is right; the network "
        "amplifies single roundings."
    )


def check_other(
    report: ExportReport,
    model: Any,
    interface: Interface,
    file_outputs: dict[str, np.ndarray],
    data: CheckData,
) -> None:
    """As `check_tflite`, for a file of another format and the outputs it gave.

    Raises:
        VerificationError: beyond the float32 tolerance.
    """
    comparison = add_comparison(report, model, interface, file_outputs, data)
    if comparison.problem:
        raise VerificationError(
            f"{report.path.name} was not written: {comparison.problem}, on {data.words}."
        )


def add_comparison(
    report: ExportReport,
    model: Any,
    interface: Interface,
    file_outputs: dict[str, np.ndarray],
    data: CheckData,
) -> Comparison:
    """Fill in the errors and the agreement."""
    expected = run_keras(model, interface, data.samples)
    if suppresses(model):
        pairs = {k: weighted_pairs(v, file_outputs[k]) for k, v in expected.items()}
        expected, file_outputs = ({k: v[side] for k, v in pairs.items()} for side in (0, 1))
    comparison = compare(expected, file_outputs, TOLERANCES[report.quantize])
    if not any(_differ(values) for values in expected.values()):
        notice(
            f"The outputs of {report.model!r} hardly differ between {data.words}, so comparing "
            "them says little. Pass typical inputs as `calibration`, or train the model first."
        )
    report.samples, report.data = data.count, data.words
    report.max_abs_error = comparison.max_abs_error
    report.relative_error = comparison.relative_error
    report.agreement = comparison.agreement
    return comparison


def _refusal_of_operators(report: ExportReport, problem: str, layers: OperatorComparison) -> str:
    first = layers.first_growth()
    place = (
        f"the operator {first.operator} of the layer {first.layer!r} is up to {first.max_steps:g} "
        f"steps off on its own, and within one on {first.share_within_one:.1%} of its values"
        if layers.unsound and first
        else f"only {layers.coverage:.0%} of its operators could be compared one by one"
    )
    return (
        f"{report.path.name} was not written: {problem}, on {report.data}, and {place}. "
        "verify=False writes the file all the same."
    )


def _cannot_run(report: ExportReport, model: Any, content: bytes, error: DataError) -> Exception:
    """What to do about a file that the runtime refuses; the error itself where that is unknown."""
    tiny = tiny_ranges(content)
    if not tiny:
        return error
    named = ", ".join(f"{_place(model, one.name)} (scale {one.scale:.2g})" for one in tiny[:3])
    return ExportError(
        f"{report.path.name} was not written, since the runtime refuses it: the range of {named} "
        "is next to nothing, so it gave hardly anything but 0 on all samples (a dead ReLU). "
        "Train it anew or take it out, calibrate with more typical samples, or use "
        "quantize='float16'."
    )


def _place(model: Any, name: str) -> str:
    """The layer that a tensor's name tells, else the tensor."""
    found = layers_in(name, layer_paths(model))
    return f"the layer {display(found[-1])!r}" if found else f"the tensor {name!r}"


def _run_file(path: Path, interface: Interface, samples: Samples) -> dict[str, np.ndarray]:
    outputs = load_tflite(path)(samples)
    if isinstance(outputs, dict):
        return outputs
    return {interface.outputs[0]: outputs}


def _differ(outputs: np.ndarray) -> bool:
    """Whether samples get different outputs; a constant output would agree with nearly any file."""
    outputs = outputs.astype(np.float64)  # booleans have no differences
    largest = float(np.abs(outputs).max())
    return len(outputs) < 2 or float(np.ptp(outputs, axis=0).max()) > 1e-3 * largest


def _refusal(report: ExportReport, problem: str, layers: LayerErrors) -> str:
    grows = layers.first_growth(TOLERANCES[report.quantize].layer_error)
    place = (
        f"The error first grows at the layer {grows.layer!r} ({grows.operator}, relative error "
        f"{grows.relative_error:.3g})."
        if grows
        else "No layer could be matched with the file, so the place is unknown."
    )
    way_out = (
        "Calibrate with more typical samples, or use quantize='int16x8' or 'float16'; "
        if report.quantize
        else ""
    )
    return (
        f"{report.path.name} was not written: {problem}, on {report.data}. {place} "
        f"{way_out}verify=False writes the file all the same."
    )
