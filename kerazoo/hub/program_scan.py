"""What a SavedModel would do, read from its file before TensorFlow loads it.

A SavedModel is a program: its operations may read and write files or call Python, in the main
graph, in any function, when it is called or already when it is loaded. All of them, wherever they
stand, must be on the list `allowed_operations.txt`. Two kinds need a closer look:

- Every SavedModel holds the operations that once saved it. They are left alone as long as nothing
  that runs can reach them.
- Tables of words are read from a file. That file must be one of the SavedModel's own assets.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

from kerazoo.errors import HubError
from kerazoo.hub import asset_files
from kerazoo.hub.program import MetaGraph, is_object_based
from kerazoo.hub.program_file import read_program

_SAVING = frozenset(
    {"SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename", "ShardedFilespec"}
)
_RESTORING = frozenset({"RestoreV2", "ShardedFilename", "ShardedFilespec"})
"""What loading a model of TensorFlow 1 runs, to fill its variables."""


def check_program(root: Path, named: str, *, operations: Collection[str] = ()) -> None:
    """Refuse a SavedModel that could touch files or Python; it is not loaded for this.

    Args:
        root: its folder.
        named: what error messages call it.
        operations: names of operations that are allowed besides those on the list.

    Raises:
        HubError: names the operation, or the file, that is refused; or the program is damaged.
    """
    saved_model = read_program(root, named)
    known = allowed_operations() | _SAVING | asset_files.READERS | set(operations)
    for proto in saved_model.meta_graphs:
        graph = MetaGraph(proto)
        asset_files.check_names(graph, root, named)
        for name, operation in graph.operations():
            if operation not in known and not graph.is_call_by_name(operation):
                raise _refusal(named, operation, name)
        if is_object_based(saved_model):
            _check_functions(graph, named, set(operations))
        else:
            _check_main_graph(graph, named, set(operations))


@cache
def allowed_operations() -> frozenset[str]:
    """The list that comes with kerazoo."""
    lines = (Path(__file__).parent / "allowed_operations.txt").read_text().splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def _check_functions(graph: MetaGraph, named: str, allowed: set[str]) -> None:
    """TensorFlow 2 runs only functions; what is left of the main graph is never imported."""
    saving = graph.functions_with(_SAVING - allowed)
    for name in graph.entry_functions():
        if name in saving:
            raise _refusal(named, saving[name], name)
    if asset_files.READERS - allowed:
        asset_files.check_functions(graph, named)


def _check_main_graph(graph: MetaGraph, named: str, allowed: set[str]) -> None:
    """TensorFlow 1's loader imports the main graph, fills the variables, and runs what it names."""
    for names, tolerated in (
        (graph.entry_nodes(), frozenset[str]()),
        (graph.restoring_nodes(), _RESTORING),
    ):
        saving = graph.functions_with(_SAVING - tolerated - allowed)
        for node in graph.needed_by(names):
            if node.op in _SAVING - tolerated - allowed:
                raise _refusal(named, node.op, node.name)
            for name in graph.called_by(node) & saving.keys():
                raise _refusal(named, saving[name], node.name)
    for name in graph.gradient_functions() & graph.functions_with(_SAVING - allowed).keys():
        raise _refusal(named, "SaveV2", name)
    if asset_files.READERS - allowed:
        asset_files.check_main_graph(graph, named)


def _refusal(named: str, operation: str, place: Any) -> HubError:
    return HubError(
        f"{named} holds the operation {operation} (in {place!r}), which is not on the list of "
        "those that neither touch files nor call other programs. It is not loaded. If you know "
        f"who made it and why it needs that: kerazoo.hub.trust(source, operations=[{operation!r}])."
    )
