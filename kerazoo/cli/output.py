"""How commands answer: a table for people, JSON on stdout for programs; and shared options."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from kerazoo.errors import ConfigError

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for programs.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Change a field of the config; repeatable."),
]


def not_empty(path: str) -> str:
    """The same, of an argument; raise `ConfigError` for "", which Python takes for this folder."""
    if not path:
        raise ConfigError("A path is empty. Name a file or a folder.")
    return path


def print_json(value: Any) -> None:
    """`value` as JSON on stdout."""
    typer.echo(json.dumps(value, indent=2))


def print_table(rows: Iterable[Iterable[object]], *, columns: Iterable[str] = ()) -> None:
    """Rows on stdout; without `columns`, no header."""
    columns = list(columns)
    texts = [[str(cell) for cell in row] for row in rows]
    table = Table(*columns, show_header=bool(columns), box=None, pad_edge=False)
    if not columns and texts:
        for _ in texts[0]:
            table.add_column(overflow="fold")
    for row in texts:
        table.add_row(*row)
    # Nothing is folded, or padded, where no person reads: in a pipe or a file.
    width = None if sys.stdout.isatty() else 10_000
    console = Console(highlight=False, markup=False, width=width)
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        typer.echo(line.rstrip())


def print_values(values: Mapping[str, object]) -> None:
    """Names and values on stdout, a line each."""
    print_table([(name, _short(value)) for name, value in values.items()])


def parse_overrides(assignments: Iterable[str]) -> dict[str, Any]:
    """`["data.augment=null"]` to `{"data.augment": None}`; values are read as YAML.

    Raises:
        ConfigError: one has no "=", or its value is no YAML.
    """
    from kerazoo.zoo.yaml_reader import parse_yaml

    overrides = {}
    for assignment in assignments:
        field, separator, value = assignment.partition("=")
        if not separator or not field:
            raise ConfigError(f"--set takes FIELD=VALUE. Received: {assignment!r}")
        overrides[field] = parse_yaml(f"value: {value}", source=f"--set {assignment}")["value"]
    return overrides


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
