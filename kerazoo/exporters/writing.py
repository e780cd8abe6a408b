"""Writing a file under a temporary name, checking it there, and giving it its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kerazoo.atomic import replacing
from kerazoo.exporters import keras_file, onnx, saved_model
from kerazoo.exporters.checking import CheckData, add_operators, check_other, check_tflite
from kerazoo.exporters.interface import Interface
from kerazoo.exporters.report import ExportReport
from kerazoo.exporters.seal import seal

# Each has `write(model, interface, path)` and `run(path, model, interface, samples)`.
_FORMS: dict[str, Any] = {"onnx": onnx, "keras": keras_file, "saved_model": saved_model}


def write_tflite(
    model: Any,
    interface: Interface,
    target: Path,
    content: bytes,
    quantize: str | None,
    data: CheckData | None,
) -> ExportReport:
    """Seal and write `content`; compare it with `model` on `data` first, unless that is None."""
    content = seal(content)
    report = ExportReport(target, "tflite", quantize, len(content), model.name)
    add_operators(report, content)
    with replacing(target) as temporary:
        temporary.write_bytes(content)
        if data is not None:
            check_tflite(report, temporary, model, interface, data)
    return report


def write_other(
    model: Any, interface: Interface, target: Path, file_format: str, data: CheckData | None
) -> ExportReport:
    """Write `model` in another format; compare it with the file first, as `write_tflite` does."""
    form = _FORMS[file_format]
    with replacing(target) as temporary:
        form.write(model, interface, temporary)
        size = saved_model.size(temporary) if temporary.is_dir() else temporary.stat().st_size
        report = ExportReport(target, file_format, None, size, model.name)
        if data is not None:
            outputs = form.run(temporary, model, interface, data.samples)
            check_other(report, model, interface, outputs, data)
    return report
