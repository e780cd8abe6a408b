"""`kerazoo convert`: models of Keras 2 and checkpoints of TensorFlow 1, in Keras 3; and back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

import kerazoo
from kerazoo.atomic import replacing
from kerazoo.cli.output import Json, print_json
from kerazoo.cli.startup import load_tensorflow
from kerazoo.errors import ConfigError, RunError


def convert(
    source: Annotated[
        str,
        typer.Argument(
            help="Keras 2: .h5, .keras, a SavedModel's folder. TensorFlow 1: a checkpoint's "
            "prefix. To Keras 2: a model's name or a Keras 3 .keras file."
        ),
    ],
    target: Annotated[str, typer.Argument(help=".keras (Keras 3), or .h5 (Keras 2).")],
    model: Annotated[
        str | None,
        typer.Option(help="A model's name or .keras file that takes the source's weights."),
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="VARIABLE=NAME", help="A pair of the mapping; repeatable."),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(metavar="INPUT=OUTPUT", help="Tensors of the checkpoint's graph to prove by."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take the inferred mapping unasked.")] = False,
    verify: Annotated[bool, typer.Option(help="Prove the outputs equal, with tf_keras.")] = True,
    json: Json = False,
) -> None:
    """Make an older model one of Keras 3, and prove it equal.

    None of its code is run.

    Example: kerazoo convert old_model.h5 new_model.keras
    """
    suffix = Path(target).suffix
    if suffix not in (".keras", ".h5"):
        raise ConfigError(f"The target ends in .keras (Keras 3) or .h5 (Keras 2): {target!r}.")
    if suffix == ".keras" and source in kerazoo.list_models() and not Path(source).exists():
        raise ConfigError(
            f"{source!r} is a model of the zoo, of Keras 3 already. To make it one of Keras 2, end "
            f"the target in .h5; to save it as it is, use `kerazoo export {source} {target}`."
        )
    if suffix == ".h5" and (model or map_ or compare):
        raise ConfigError("--model, --map and --compare go with a .keras target only.")
    load_tensorflow()
    if suffix == ".h5":
        converted = kerazoo.convert.to_keras2(kerazoo.zoo.open_model(source), verify=verify)
    elif Path(f"{source}.index").is_file():
        if not verify:
            raise ConfigError("--no-verify is not for checkpoints, which --compare proves.")
        converted = _from_tf1(source, model, _pairs(map_ or []), compare, yes)
    elif map_ or compare:
        raise ConfigError(f"--map and --compare go with a checkpoint; {source!r} is none.")
    else:
        into = None if model is None else kerazoo.zoo.open_model(model)
        converted = kerazoo.convert.from_keras2(source, model=into, verify=verify)
    _save(converted, target)
    result = {
        "path": target,
        "model": converted.name,
        "layers": len(converted.layers),
        "parameters": int(converted.count_params()),
    }
    if json:
        print_json(result)
    else:
        typer.echo(
            f"{target}: {result['model']}, {result['layers']} layers, "
            f"{result['parameters']:,} parameters"
        )


def _from_tf1(
    prefix: str, model: str | None, pairs: dict[str, str], compare: str | None, yes: bool
) -> Any:
    if model is None:
        raise ConfigError(
            "A checkpoint holds weights and no model: --model names the one that takes them."
        )
    if compare is not None and "=" not in compare:
        raise ConfigError(f"--compare is INPUT=OUTPUT, such as image:0=logits:0: {compare!r}.")
    ends = None if compare is None else tuple(compare.split("=", 1))
    return kerazoo.convert.from_tf1_checkpoint(
        prefix,
        kerazoo.zoo.open_model(model),
        pairs,
        compare=ends,  # type: ignore[arg-type]
        confirm=lambda mapping: _confirm(mapping, yes),
    )


def _confirm(mapping: Any, yes: bool) -> bool:
    """Show the mapping on stderr, and ask unless all of it was given."""
    print(mapping, file=sys.stderr)
    if yes or set(mapping.reasons.values()) == {"given"}:
        return True
    if not sys.stdin.isatty():
        raise ConfigError("The mapping above is inferred: look at it, and add --yes to take it.")
    return typer.confirm("Is every pair right?", err=True)


def _pairs(given: list[str]) -> dict[str, str]:
    for pair in given:
        if "=" not in pair:
            raise ConfigError(f"--map is VARIABLE=NAME, such as dense/kernel=fc1/w: {pair!r}.")
    return dict(pair.split("=", 1) for pair in given)


def _save(model: Any, target: str) -> None:
    if Path(target).is_dir():
        raise RunError(f"{target!r} is a folder.")
    with replacing(target) as temporary:
        model.save(temporary)
