"""`kerazoo graph`: the TensorFlow graph behind a model, as text or as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import kerazoo
from kerazoo.cli.output import Json, print_json
from kerazoo.cli.startup import load_tensorflow
from kerazoo.errors import ConfigError


def graph(
    model: Annotated[str, typer.Argument(help="A model's name or a .keras file.")],
    output: Annotated[
        str | None, typer.Option(help="File to write: .svg, .dot or .txt. Printed if absent.")
    ] = None,
    after: Annotated[
        bool, typer.Option("--after", help="The graph that Grappler makes of the traced one.")
    ] = False,
    inline: Annotated[
        bool, typer.Option("--inline", help="Put what functions (loops, branches) do inside.")
    ] = False,
    json: Json = False,
) -> None:
    """Show a model's dataflow graph, before or after the optimizer.

    Example: kerazoo graph mnist_cnn --output graph.svg
    """
    if output is not None and Path(output).suffix not in kerazoo.inspect.GRAPH_FORMATS:
        raise ConfigError(
            f"--output must end in {', '.join(kerazoo.inspect.GRAPH_FORMATS)}. "
            f"Received: {output!r}."
        )
    load_tensorflow()
    found = kerazoo.inspect.graph(kerazoo.zoo.open_model(model))
    if after:
        found = found.after or found
    if inline:
        found = found.inlined()
    if output is not None:
        found.save(output)
    if json:
        print_json(found.to_dict())
    elif output is None:
        typer.echo(str(found))
    else:
        typer.echo(f"{output}: {len(found.nodes):,} nodes, {len(found.edges):,} edges")
