"""What a SavedModel would do, read from its file before TensorFlow loads it.

A SavedModel is a program: its operations may read and write files or call Python, in the main
graph, in any function, when it is called or already when it is loaded. All of them, wherever they
stand, must be on the list `allowed_operations.txt`. Two kinds need a closer look:

- Every SavedModel holds the operations that once saved it. They are left alone as long as nothing
  that runs can reach them.
- Tables of words are read from a file. That file must be one of the SavedModel's own assets.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from kerazoo.errors import HubError
from kerazoo.foreign import asset_files
from kerazoo.foreign.program import MetaGraph, is_object_based, looks_like_operation
from kerazoo.foreign.program_file import read_program

_SAVING = frozenset(
    {"SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename", "ShardedFilespec"}
)
_RESTORING = frozenset({"RestoreV2", "ShardedFilename", "ShardedFilespec"})
"""What loading a model of TensorFlow 1 runs, to fill its variables."""


def refusals(
    root: Path,
    named: str,
    *,
    operations: Collection[str] = (),
    is_operation: Callable[[str], bool] = looks_like_operation,
) -> Iterator[HubError]:
    """Why a SavedModel could touch files or Python, reason by reason; it is not loaded for this.

    Args:
        root: its folder.
        named: what error messages call it.
        operations: names of operations that are allowed besides those on the list.
        is_operation: says which names TensorFlow knows as operations of its own.

    Raises:
        HubError: the program is damaged.
    """
    saved_model = read_program(root, named)
    allowed = set(operations)
    known = allowed_operations() | _SAVING | asset_files.READERS | allowed
    for proto in saved_model.meta_graphs:
        graph = MetaGraph(proto, is_operation)
        yield from _raised(asset_files.check_names, graph, root, named)
        for name, operation in graph.operations():
            if operation not in known and not graph.is_call_by_name(operation):
                yield _refusal(named, operation, name)
        if is_object_based(saved_model):
            yield from _raised(_check_functions, graph, allowed, named)
        else:
            yield from _raised(_check_main_graph, graph, allowed, named)


def _raised(check: Callable[..., None], graph: MetaGraph, *arguments: Any) -> Iterator[HubError]:
    """What the check refuses, which may be that the graph is not whole."""
    try:
        check(graph, *arguments)
    except HubError as error:
        yield error
    except (IndexError, KeyError) as error:
        yield HubError(f"{arguments[-1]} is damaged: its graph lacks {error}.")


@cache
def allowed_operations() -> frozenset[str]:
    """The list that comes with kerazoo."""
    lines = (Path(__file__).parent / "allowed_operations.txt").read_text().splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def _check_functions(graph: MetaGraph, allowed: set[str], named: str) -> None:
    """TensorFlow 2 runs only functions; what is left of the main graph is never imported."""
    saving = graph.functions_with(_SAVING - allowed)
    for name in graph.entry_functions():
        if name in saving:
            raise _refusal(named, saving[name], name)
    if asset_files.READERS - allowed:
        asset_files.check_functions(graph, named)


def _check_main_graph(graph: MetaGraph, allowed: set[str], named: str) -> None:
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
