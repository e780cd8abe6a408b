"""What compression did to a model, in figures: the object that `report` returns."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from kerazoo.table_text import table_text

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class LayerSize:
    """One layer that has kernels or tables of embeddings; figures are of those, FLOPs of calls."""

    name: str
    kind: str
    """Class of the layer."""
    weights: int
    """Numbers in kernels and tables."""
    sparsity: float
    """Fraction of them that is zero, in 0..1."""
    unique_values: int
    """Different values in one kernel; of several kernels, the most."""
    gzip_bytes: int
    """Of the kernels as float32, compressed by gzip."""
    flops: int | None
    """Operations for one sample; None where a size of the input is open."""


@dataclass(frozen=True)
class TFLiteSize:
    """The model as a .tflite file, as it is exported by default."""

    size_bytes: int
    gzip_bytes: int
    latency_us: float
    """Median of one run of one sample on this machine, in microseconds."""


@dataclass(frozen=True)
class CompressionReport:
    """Facts about a model's weights. `print` shows a table, `to_dict` gives them for JSON."""

    model: str
    layers: tuple[LayerSize, ...]
    parameters: int
    """All numbers of the stripped model, biases and normalizations too."""
    gzip_bytes: int
    """Of all of them as float32 in one stream, compressed by gzip."""
    tflite: TFLiteSize | None = None
    before: CompressionReport | None = None
    """The same figures of the model it came from."""

    @property
    def sparsity(self) -> float:
        """Fraction of zeros in all kernels and tables together, in 0..1."""
        zeros = sum(layer.sparsity * layer.weights for layer in self.layers)
        return zeros / max(sum(layer.weights for layer in self.layers), 1)

    @property
    def unique_values(self) -> int:
        """Different values in one kernel, the most of any layer."""
        return max((layer.unique_values for layer in self.layers), default=0)

    @property
    def flops(self) -> int | None:
        """Of all layers; None if that of one is not known. Zeros are counted as other values."""
        counts = [layer.flops for layer in self.layers]
        return None if None in counts else sum(count or 0 for count in counts)

    def to_dict(self) -> dict[str, Any]:
        """All fields and totals as plain values that JSON holds."""
        return {
            "model": self.model,
            "parameters": self.parameters,
            "sparsity": self.sparsity,
            "unique_values": self.unique_values,
            "gzip_bytes": self.gzip_bytes,
            "flops": self.flops,
            "layers": [asdict(layer) for layer in self.layers],
            "tflite": None if self.tflite is None else asdict(self.tflite),
            "before": None if self.before is None else self.before.to_dict(),
        }

    def __str__(self) -> str:
        return table_text(self, width=100)

    def __rich__(self) -> Table:
        from rich.table import Table

        table = Table(title=self.model)
        table.add_column("layer", style="bold")
        for heading in ("weights", "sparsity", "unique", "gzip bytes", "FLOPs"):
            table.add_column(heading, justify="right")
        for layer in self.layers:
            table.add_row(layer.name, *_cells(layer, layer.weights))
        table.add_section()
        if self.before is not None:
            table.add_row("before", *_cells(self.before, self.before.parameters))
        table.add_row("all", *_cells(self, self.parameters))
        for name, size in self._files():
            table.add_row(name, f"{size.size_bytes:,} bytes", "", "", f"{size.gzip_bytes:,}")
            table.add_row("", f"{size.latency_us:,.0f} us")
        return table

    def _files(self) -> list[tuple[str, TFLiteSize]]:
        earlier = None if self.before is None else self.before.tflite
        files = {".tflite before": earlier, ".tflite": self.tflite}
        return [(name, size) for name, size in files.items() if size is not None]


def _cells(figures: LayerSize | CompressionReport, weights: int) -> tuple[str, ...]:
    flops = "?" if figures.flops is None else f"{figures.flops:,}"
    unique, gzipped = f"{figures.unique_values:,}", f"{figures.gzip_bytes:,}"
    return f"{weights:,}", f"{figures.sparsity:.1%}", unique, gzipped, flops
