"""What quantizing each layer alone costs: the object that `sensitivity` returns."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kerazoo import atomic
from kerazoo.errors import ConfigError, MissingDependencyError
from kerazoo.table_text import table_text

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class LayerCost:
    """What quantizing one layer alone costs.

    Attributes:
        layer: its name.
        cost: in `SensitivityResult.metric`; above 0 is worse than the float model.
        error: root mean square of the change in the model's outputs, over their standard deviation.
        also: names of layers that are quantized with it: a normalization folded into it.
    """

    layer: str
    cost: float
    error: float
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class SensitivityResult:
    """The cost of each layer, the most sensitive one first. `print` shows a table.

    Attributes:
        model: its name.
        scheme: what the layers were quantized to, in words.
        metric: "accuracy" (points lost, as a fraction), "loss" (growth), "error" (the same as
            `LayerCost.error`) or the name of a function.
        reference: the float model's accuracy or loss; 0 for "error".
        layers: one entry per layer.
    """

    model: str
    scheme: str
    metric: str
    reference: float
    layers: tuple[LayerCost, ...]

    def __iter__(self) -> Iterator[LayerCost]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, name: str) -> LayerCost:
        """The entry of the layer `name`. Raises KeyError."""
        for entry in self.layers:
            if entry.layer == name:
                return entry
        raise KeyError(name)

    def __str__(self) -> str:
        return table_text(self, width=88)

    def __rich__(self) -> Table:
        from rich.table import Table

        title = f"{self.model}: each layer alone in {self.scheme}"
        if self.metric != "error":
            title += f"; float {self.metric} {self.reference:.4g}"
        table = Table(title=title)
        table.add_column("layer")
        table.add_column(self._words, justify="right")
        table.add_column("output error", justify="right")
        for entry in self.layers:
            name = " + ".join((entry.layer, *entry.also))
            table.add_row(name, f"{entry.cost:.4g}", f"{entry.error:.3g}")
        return table

    @property
    def _words(self) -> str:
        return {"accuracy": "accuracy lost", "error": "cost"}.get(
            self.metric, f"{self.metric} gained"
        )

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Write a bar chart; the suffix of `path` (.png, .svg, .pdf) decides the format.

        Raises:
            MissingDependencyError: matplotlib is not installed.
            ConfigError: a suffix that stands for no format.
            RunError: the file cannot be written.
        """
        try:
            from matplotlib.backend_bases import FigureCanvasBase
            from matplotlib.figure import Figure
        except ImportError as error:
            raise MissingDependencyError(
                "Plots need matplotlib: pip install 'kerazoo[plot]'."
            ) from error
        suffix = Path(path).suffix.lower().removeprefix(".")
        if suffix not in FigureCanvasBase.filetypes:
            raise ConfigError(f"`path` must end in .png, .svg or .pdf. Received: {str(path)!r}.")
        figure = Figure(figsize=(8, 1 + 0.3 * len(self.layers)), layout="constrained")
        axes = figure.subplots()
        names = [entry.layer for entry in self.layers]
        axes.barh(names, [entry.cost for entry in self.layers])
        axes.invert_yaxis()  # the most sensitive one on top, as in the table
        axes.set_xlabel(f"{self._words} ({self.scheme}, each layer alone)")
        axes.set_title(self.model)
        with atomic.replacing(path) as temporary:
            figure.savefig(temporary)
