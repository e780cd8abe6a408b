"""Reports as text: what `print` shows of an object that Rich can draw."""

from __future__ import annotations

from typing import Any


def table_text(drawn: Any, *, width: int) -> str:
    """What Rich makes of `drawn`, without colours, in lines of at most `width` characters."""
    from rich.console import Console

    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(drawn)
    return capture.get().rstrip()
