"""What a model costs, in figures: the object that `profile` returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from kerazoo.table_text import table_text

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class LayerProfile:
    """One layer, all its calls together; the layers inside of it have rows of their own."""

    name: str
    """With the models and layers that it is in: "backbone/conv1"."""
    kind: str
    """Its class."""
    calls: int
    """How often the model calls it; 0 where that leaves no operation behind, as in dropout."""
    output_shape: tuple[int | None, ...] | None
    """Of the first call's result, with the batch; None where it makes nothing."""
    parameters: int
    """Numbers in its own weights; those that several layers share are the first one's."""
    flops: int
    """Of all its calls, for the whole batch; `kerazoo.inspect.profile` says what is counted."""
    activation_bytes: int
    """Of what its calls hand on. A reshaped tensor is the one that it was."""


@dataclass(frozen=True)
class Profile:
    """What a model costs for one batch in inference.

    `print` shows a table, `to_dict` gives the figures for JSON.
    """

    model: str
    """Its name."""
    batch_size: int
    """Samples that the figures are for."""
    layers: tuple[LayerProfile, ...]
    """In the model's order."""
    parameter_bytes: int
    """Of the weights as they are held in memory."""
    trainable_parameters: int
    """Numbers in the weights that training would change."""
    peak_activation_bytes: int
    """The most that is alive at once, when one operation runs after the other and a result is given
    back after its last reader; the inputs too, the weights not, in whatever dtype they are used."""
    uncounted: dict[str, int]
    """Operations on floating-point numbers that have no FLOPs here -> how often."""
    open_loops: tuple[str, ...]
    """Loops whose number of turns is known only when they run: one turn is counted."""

    @property
    def parameters(self) -> int:
        """Numbers in all weights, as `model.count_params()`."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def flops(self) -> int:
        """For the whole batch; a multiplication and an addition are two."""
        return sum(layer.flops for layer in self.layers)

    @property
    def activation_bytes(self) -> int:
        """Of all that layers hand on, as if nothing of it was given back: what training keeps."""
        return sum(layer.activation_bytes for layer in self.layers)

    def to_dict(self) -> dict[str, Any]:
        """All figures as plain values that JSON holds."""
        return {
            "model": self.model,
            "batch_size": self.batch_size,
            "parameters": self.parameters,
            "trainable_parameters": self.trainable_parameters,
            "parameter_bytes": self.parameter_bytes,
            "flops": self.flops,
            "activation_bytes": self.activation_bytes,
            "peak_activation_bytes": self.peak_activation_bytes,
            "layers": msgspec.json.decode(msgspec.json.encode(self.layers)),
            "uncounted": self.uncounted,
            "open_loops": list(self.open_loops),
        }

    def __str__(self) -> str:
        return "\n".join([table_text(self, width=110), *self._notes()])

    def __rich__(self) -> Table:
        from rich.table import Table

        table = Table(title=f"{self.model}, batch of {self.batch_size}")
        table.add_column("layer", style="bold", overflow="fold")
        table.add_column("kind")
        table.add_column("output")
        for heading in ("parameters", "FLOPs", "activations"):
            table.add_column(heading, justify="right", no_wrap=True)
        for layer in self.layers:
            kind = layer.kind + (f" x{layer.calls}" if layer.calls > 1 else "")
            table.add_row(layer.name, kind, _shape(layer.output_shape), *_cells(layer))
        table.add_section()
        table.add_row("all", "", "", *_cells(self))
        return table

    def _notes(self) -> list[str]:
        notes = [
            f"weights {_bytes(self.parameter_bytes)}, {self.trainable_parameters:,} trainable; "
            f"activations at most {_bytes(self.peak_activation_bytes)} at once"
        ]
        if self.uncounted:
            kinds = [f"{kind} x{count}" for kind, count in self.uncounted.items()]
            notes.append(f"without FLOPs: {', '.join(kinds)}")
        if self.open_loops:
            notes.append(f"loops counted as one turn: {', '.join(self.open_loops)}")
        return notes


def _cells(figures: LayerProfile | Profile) -> tuple[str, ...]:
    return f"{figures.parameters:,}", f"{figures.flops:,}", _bytes(figures.activation_bytes)


def _bytes(count: int) -> str:
    """Short: 1,500,000 is "1.5 MB"."""
    for power, unit in ((3, "GB"), (2, "MB"), (1, "kB")):
        if count >= 1000**power:
            return f"{count / 1000**power:,.1f} {unit}"
    return f"{count} B"


def _shape(shape: tuple[int | None, ...] | None) -> str:
    if shape is None:
        return ""
    return "x".join("?" if size is None else str(size) for size in shape) or "scalar"
