"""An agent's training as a person watches it: a bar with the time left, a line per evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class ShowProgress:
    """Draws on stderr; the bar only on a terminal. A context: the bar goes with it.

    Args:
        name: of the agent.
        steps: of the whole run.
        shown: False shows nothing.
    """

    def __init__(self, name: str, steps: int, *, shown: bool):
        self.console = Console(stderr=True, quiet=not shown)
        self.bar = Progress(
            TextColumn(f"{name}  {{task.description}}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps, time left at most"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not (shown and self.console.is_terminal),
        )
        self.task = self.bar.add_task("", total=steps)

    def __enter__(self) -> ShowProgress:
        self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def move_to(self, steps: int, collected_return: float) -> None:
        """`collected_return`: of the last episodes; not a number before there were any."""
        known = collected_return == collected_return
        words = f"return {collected_return:.4g}" if known else ""
        self.bar.update(self.task, completed=steps, description=words)

    def say(self, row: Mapping[str, float]) -> None:
        """One evaluation, in a line."""
        self.console.print(
            f"step {row['steps']:,}  return {row['mean_return']:.4g} "
            f"± {row['standard_error']:.2g}  while exploring {row['collected_return']:.4g}  "
            f"loss {row['loss']:.4g}",
            highlight=False,
            soft_wrap=True,
        )
