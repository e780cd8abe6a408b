"""Which files a SavedModel reads: only its own assets may be read, as tables of words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from kerazoo.errors import HubError
from kerazoo.foreign.messages import message_class
from kerazoo.foreign.program import MetaGraph, operation_of

READERS = frozenset({"InitializeTableFromTextFile", "InitializeTableFromTextFileV2"})
_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_MOST_COPIES = 100
"""Identities in a row; honest graphs have a few, and a hostile one may be its own input."""


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
    paths = _Paths(graph, named)
    for name, function in graph.functions.items():
        for node in function.node_def:
            if node.op in READERS:
                paths.check(name, node.input[1])


def check_main_graph(graph: MetaGraph, named: str) -> None:
    """Refuse operations that read a table from anything but an asset (TensorFlow 1).

    Raises:
        HubError: names the operation.
    """
    assets = {operation_of(asset.tensor_info.name) for asset in _assets(graph)}
    for node in graph.nodes.values():
        if node.op not in READERS:
            continue
        if _origin(node.input[1], graph.nodes) not in assets:
            raise _refusal(named, node.name)
    for name in graph.functions_with(READERS):
        raise _refusal(named, name)


def _origin(tensor: str, nodes: Mapping[str, Any]) -> str | None:
    """The operation whose copy the tensor is; None if that is not to be found."""
    source = operation_of(tensor)
    for _ in range(_MOST_COPIES):
        if source not in nodes or nodes[source].op != "Identity":
            return source
        source = operation_of(nodes[source].input[0])
    return None


class _Paths:
    """The ways that names of files take through the functions of a graph."""

    def __init__(self, graph: MetaGraph, named: str) -> None:
        self._graph, self._named = graph, named
        self._seen: set[tuple[str, int]] = set()
        self._parts = cache(self._read)

    def check(self, function: str, tensor: str) -> None:
        """Follow a file's name from inside of a function to whoever passes it."""
        waiting = [(function, tensor)]
        while waiting:
            function, tensor = waiting.pop()
            nodes, arguments = self._parts(function)
            place = arguments.get(_origin(tensor, nodes))
            if place is None:
                raise _refusal(self._named, function)
            if (function, place) in self._seen:
                continue
            self._seen.add((function, place))
            _check_bound(self._graph, function, place - len(arguments), self._named)
            for caller, node in self._calls.get(function, ()):
                if node.op not in _CALLS:
                    raise _refusal(self._named, caller)
                waiting.append((caller, node.input[place]))

    def _read(self, function: str) -> tuple[dict[str, Any], dict[str | None, int]]:
        """Its nodes by name, and the places of its arguments."""
        definition = self._graph.functions[function]
        arguments = [argument.name for argument in definition.signature.input_arg]
        return (
            {node.name: node for node in definition.node_def},
            {name: place for place, name in enumerate(arguments)},
        )

    @cached_property
    def _calls(self) -> dict[str, list[tuple[str, Any]]]:
        """Each function's callers, with the node that calls it."""
        found: dict[str, list[tuple[str, Any]]] = {}
        for caller, body in self._graph.functions.items():
            for node in body.node_def:
                for name in self._graph.called_by(node):
                    found.setdefault(name, []).append((caller, node))
        return found


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
