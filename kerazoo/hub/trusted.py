"""The SavedModels that this process may load from a model file, by the SHA-256 of their content.

Those that were loaded by their handle, and those named to `trust`: the very same bytes, so that
loading them once more gives no stranger anything.
"""

from __future__ import annotations

from kerazoo.hub import cache
from kerazoo.hub.cache import Located

_folders: dict[str, Located] = {}
_operations: dict[str, frozenset[str]] = {}
_carried: dict[str, str] = {}


def remember(located: Located, *, operations: frozenset[str] = frozenset()) -> None:
    """From now on the SavedModel may be loaded, with `operations` beside those on the list."""
    _folders[located.sha256] = located
    _operations[located.sha256] = operations_of(located.sha256) | operations


def remember_handle(handle: str, sha256: str) -> None:
    """A trusted model file says that this handle stood for this content where it was saved."""
    _carried[handle] = sha256


def is_trusted(sha256: str) -> bool:
    """Whether a model file may load it."""
    return sha256 in _folders


def operations_of(sha256: str) -> frozenset[str]:
    """Operations that were allowed for it besides those on the list."""
    return _operations.get(sha256, frozenset())


def find(sha256: str) -> Located | None:
    """Where the content lies: where it was last seen, or in the cache. It may be gone from both."""
    known = _folders.get(sha256)
    return known if known is not None and known.folder.is_dir() else cache.find(sha256)


def carried_for(handle: str) -> Located | None:
    """What a trusted model file carries in the place of `handle`."""
    return find(_carried[handle]) if handle in _carried else None
