"""A training run as a person watches it: a bar with the time left, and a line for each epoch."""

from __future__ import annotations

import time
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class ShowProgress(keras.callbacks.Callback):
    """Draws on stderr, so that results on stdout stay clean; the bar only on a terminal."""

    def __init__(self, name: str, *, epochs: int, steps_per_epoch: int):
        super().__init__()
        self.console = Console(stderr=True)
        self.last_line = 0.0
        self.epochs, self.steps_per_epoch = epochs, steps_per_epoch
        self.bar = Progress(
            TextColumn(f"{name}  {{task.description}}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps, time left"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self.task = self.bar.add_task("", total=epochs * steps_per_epoch)

    def start(self, steps_done: int) -> None:
        """Show the bar; a resumed run has done some steps already."""
        self.bar.update(self.task, completed=steps_done)
        self.bar.start()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.before = epoch * self.steps_per_epoch
        self.bar.update(self.task, description=f"epoch {epoch + 1}/{self.epochs}")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.bar.update(self.task, completed=self.before + batch + 1)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        values = "  ".join(
            f"{name} {value:.4g}"
            for name, value in (logs or {}).items()
            if isinstance(value, float)
        )
        if epoch + 1 < self.epochs and time.monotonic() - self.last_line < 1:
            return  # a small model's epochs pass faster than anyone reads
        self.last_line = time.monotonic()
        self.console.print(
            f"epoch {epoch + 1}/{self.epochs}  {values}", highlight=False, soft_wrap=True
        )

    def stop(self) -> None:
        """Take the bar away; also after an error."""
        self.bar.stop()
