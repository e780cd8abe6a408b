"""Which files a SavedModel reads: only its own assets may be read, as tables of words."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from kerazoo.errors import HubError
from kerazoo.foreign.messages import message_class
from kerazoo.foreign.program import MetaGraph, operation_of

READERS = frozenset({"InitializeTableFromTextFile", "InitializeTableFromTextFileV2"})
_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})


def check_names(graph: MetaGraph, root: Path, named: str) -> None:
    """Refuse assets that lie outside of the folder "assets".

    Raises:
        HubError: names the asset.
    """
    folder = root / "assets"
    for asset in _assets(graph):
        path = PurePosixPath(asset.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in asset.filename:
            raise HubError(
                f"{named} names {asset.filename!r} as its asset, a file elsewhere: refused."
            )
        if not (folder / path).is_file():
            raise HubError(f"{named} is not whole: its asset {asset.filename!r} is missing.")


def check_functions(graph: MetaGraph, named: str) -> None:
    """Refuse functions that read a table from anything but an asset (TensorFlow 2).

    Raises:
        HubError: names the function.
    """
    for name, function in graph.functions.items():
        for node in function.node_def:
            if node.op in READERS:
                _check_value(graph, name, node.input[1], named, set())


def check_main_graph(graph: MetaGraph, named: str) -> None:
    """Refuse operations that read a table from anything but an asset (TensorFlow 1).

    Raises:
        HubError: names the operation.
    """
    assets = {operation_of(asset.tensor_info.name) for asset in _assets(graph)}
    for node in graph.nodes.values():
        if node.op not in READERS:
            continue
        source = operation_of(node.input[1])
        while source in graph.nodes and graph.nodes[source].op == "Identity":
            source = operation_of(graph.nodes[source].input[0])
        if source not in assets:
            raise _refusal(named, node.name)
    for name in graph.functions_with(READERS):
        raise _refusal(named, name)


def _check_value(
    graph: MetaGraph, function: str, tensor: str, named: str, seen: set[tuple[str, str]]
) -> None:
    """Follow a file's name from inside of a function to whoever passes it."""
    definition = graph.functions[function]
    nodes = {node.name: node for node in definition.node_def}
    source = operation_of(tensor)
    while source in nodes and nodes[source].op == "Identity":
        source = operation_of(nodes[source].input[0])
    arguments = [argument.name for argument in definition.signature.input_arg]
    if source not in arguments:
        raise _refusal(named, function)
    if (function, source) in seen:
        return
    seen.add((function, source))
    place = arguments.index(source)
    _check_bound(graph, function, place - len(arguments), named)
    for caller, body in graph.functions.items():
        for node in body.node_def:
            if function not in graph.called_by(node):
                continue
            if node.op not in _CALLS:
                raise _refusal(named, caller)
            _check_value(graph, caller, node.input[place], named, seen)


def _check_bound(graph: MetaGraph, function: str, place: int, named: str) -> None:
    """Arguments that an object binds stand at the end; that at `place` (below 0) must be one."""
    if function in graph.objects.concrete_functions:
        bound = graph.objects.concrete_functions[function].bound_inputs
        if len(bound) < -place:
            raise _refusal(named, function)
        if graph.objects.nodes[bound[place]].WhichOneof("kind") != "asset":
            raise _refusal(named, function)
    elif function in graph.entry_functions():
        raise _refusal(named, function)


def _assets(graph: MetaGraph) -> list[Any]:
    from google.protobuf.message import DecodeError

    definition = message_class("core/protobuf/meta_graph", "AssetFileDef")
    found = list(graph.proto.asset_file_def)
    for packed in graph.proto.collection_def["saved_model_assets"].any_list.value:
        asset = definition()
        try:
            packed.Unpack(asset)
        except DecodeError:
            continue
        found.append(asset)
    return found


def _refusal(named: str, place: str) -> HubError:
    return HubError(
        f"{named} reads a table from a file that is none of its assets (in {place!r}). "
        "It is not loaded."
    )
