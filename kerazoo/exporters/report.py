"""What an export wrote, and how it compares with the model: the object that `export` returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo.table_text import table_text

if TYPE_CHECKING:
    from rich.table import Table

    from kerazoo.exporters.latency import Latency
    from kerazoo.exporters.layer_errors import LayerErrors


@dataclass
class ExportReport:
    """Facts about one exported file. `print` shows them as a table, `to_dict` gives them for JSON.
    `kerazoo.export` makes them.

    What was not measured is None: all comparisons with `verify=False`, operators and latency for
    other formats than .tflite.
    """

    path: Path
    """Of the file, or of the folder of a SavedModel."""
    format: str
    """"tflite", "onnx", "keras" or "saved_model"."""
    quantize: str | None
    """The mode, one of `QUANTIZE_MODES`; None: not quantized, or by the model itself."""
    size_bytes: int
    """Of the file, or of all files of a SavedModel together."""
    model: str = ""
    """Name of the Keras model."""
    samples: int = 0
    """How many samples the comparison used."""
    data: str = "not compared"
    """Which samples they were, in words."""
    max_abs_error: float | None = None
    """Largest difference between file and Keras, in the unit of the output."""
    relative_error: float | None = None
    """Root mean square of the difference over the standard deviation of the Keras outputs."""
    agreement: float | None = None
    """Fraction in 0..1 of samples with the same class; see `verification.Comparison`."""
    accuracy_drop: float | None = None
    """With `max_accuracy_drop`: the float model's accuracy less the file's, as a fraction."""
    float_layers: tuple[str, ...] | None = None
    """With `max_accuracy_drop`: the layers left in float to keep it; their operators are in
    `float_ops`. With "int8_weights", and "int16x8" of models with a layer that has no 16-bit form,
    the converter rounds their weights all the same. The accuracy is always the file's."""
    integer_only: bool | None = None
    """Whether every operator between input and output computes in integers."""
    float_ops: tuple[str, ...] | None = None
    """Operators between input and output that compute in floating point."""
    ops: dict[str, int] | None = None
    """Operator -> how often it occurs."""
    latency_us: Latency | None = None
    """Microseconds of one run on this machine: .median, .p95, .threads, .runs."""
    compare_layers: Callable[[], LayerErrors | None] = field(
        default=lambda: None, repr=False, compare=False
    )

    @cached_property
    def per_layer(self) -> LayerErrors | None:
        """Relative error of each Keras layer in a .tflite file; computed when first asked for."""
        return self.compare_layers()

    def to_dict(self) -> dict[str, Any]:
        """All fields as plain values that JSON holds; `per_layer` only if it was asked for."""
        layers = self.__dict__.get("per_layer")
        return {
            "path": str(self.path),
            "format": self.format,
            "model": self.model,
            "quantize": self.quantize,
            "size_bytes": self.size_bytes,
            "samples": self.samples,
            "data": self.data,
            "max_abs_error": self.max_abs_error,
            "relative_error": self.relative_error,
            "agreement": self.agreement,
            "accuracy_drop": self.accuracy_drop,
            "float_layers": None if self.float_layers is None else list(self.float_layers),
            "integer_only": self.integer_only,
            "float_ops": None if self.float_ops is None else list(self.float_ops),
            "ops": self.ops,
            "latency_us": None if self.latency_us is None else asdict(self.latency_us),
            "per_layer": None if layers is None else [asdict(entry) for entry in layers],
        }

    def __str__(self) -> str:
        return table_text(self, width=88)

    def __rich__(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table(title=f"{self.model} -> {self.path.name}", show_header=False)
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in self._rows():
            table.add_row(name, Text(value))
        return table

    def _rows(self) -> list[tuple[str, str]]:
        rows = [
            ("path", str(self.path)),
            ("format", self.format + (f", {self.quantize}" if self.quantize else "")),
            ("size", f"{self.size_bytes:,} bytes"),
            ("compared on", self.data),
        ]
        if self.max_abs_error is not None:
            rows.append(("largest error", f"{self.max_abs_error:.3g}"))
            rows.append(("relative error", f"{self.relative_error:.3g}"))
            rows.append(("agreement", f"{self.agreement:.2%} of {self.samples} samples"))
        if self.accuracy_drop is not None:
            rows.append(("accuracy lost", f"{self.accuracy_drop:.4f}"))
            rows.append(("left in float", ", ".join(self.float_layers or ()) or "no layer"))
        if self.ops is not None:
            counts = [name if n == 1 else f"{name} x{n}" for name, n in self.ops.items()]
            rows.append(("operators", ", ".join(counts)))
            rows.append(("integer only", "yes" if self.integer_only else self._left_in_float()))
        if self.latency_us is not None:
            at = self.latency_us
            threads = f"{at.threads} thread" + ("s" if at.threads > 1 else "")
            rows.append(("latency", f"{at.median:,.0f} us median, {at.p95:,.0f} us p95, {threads}"))
        return rows

    def _left_in_float(self) -> str:
        return f"no: {', '.join(self.float_ops or ())} in float"
