"""`trust`: a stranger's program may run here, since someone says so."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

from kerazoo.errors import HubError
from kerazoo.foreign.archive import unpack_zip
from kerazoo.foreign.saved_model_files import PROGRAM, content_sha256
from kerazoo.hub import cache, trusted
from kerazoo.hub.cache import Located
from kerazoo.hub.carried_record import RECORD
from kerazoo.hub.locate import locate
from kerazoo.hub.program_scan import check_program


def trust(
    source: str | os.PathLike[str], *, sha256: str | None = None, operations: Sequence[str] = ()
) -> tuple[str, ...]:
    """Allow this process to load a SavedModel, or those that a `.keras` file carries.

    A SavedModel is a program. Loading a `.keras` file whose layers run one is refused under Keras's
    `safe_mode=True` until its file is named here. Even then it is scanned, and refused if it holds
    operations that could touch files or Python.

    Args:
        source: a `.keras` file with `HubLayer`s, or any handle that `HubLayer` takes.
        sha256: 64 hex digits that the SavedModel must have, as `HubLayer.sha256` tells them where
            the file was made. None trusts whatever the file carries.
        operations: names of operations that these SavedModels may hold although they touch files
            or other programs. They do so with the rights of this process.

    Returns: SHA-256 of each SavedModel that is trusted now.

    Raises:
        kerazoo.errors.HubError: an operation outside of the list; a file that is damaged, carries
            no SavedModel, or another one than `sha256` says.
        kerazoo.errors.RunError: the cache cannot be written.

    >>> import keras, kerazoo, tensorflow as tf
    >>> class Double(tf.Module):
    ...     @tf.function(input_signature=[tf.TensorSpec((None, 1))])
    ...     def __call__(self, inputs):
    ...         return inputs * 2.0
    >>> tf.saved_model.save(Double(), "double")
    >>> model = keras.Sequential([keras.Input((1,)), kerazoo.hub.HubLayer("double")])
    >>> model.save("double.keras")
    >>> trusted = kerazoo.hub.trust("double.keras", sha256=model.layers[0].sha256)
    >>> trusted == (model.layers[0].sha256,)
    True
    >>> float(keras.saving.load_model("double.keras")(tf.constant([[3.0]]))[0, 0])
    6.0
    """
    path = Path(source)
    if path.suffix == ".keras" and path.is_file():
        found = _carried_by(path, sha256)
    else:
        found = [locate(source, sha256)]
    for located in found:
        check_program(located.folder, str(source), operations=operations)
        trusted.remember(located, operations=frozenset(operations))
    return tuple(located.sha256 for located in found)


def _carried_by(path: Path, sha256: str | None) -> list[Located]:
    """Take the SavedModels out of a `.keras` file into the cache, each under its own hash."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise HubError(f"{path} is damaged or no .keras file: {error}.") from error
    with archive:
        prefixes = sorted(
            name.removesuffix(PROGRAM)
            for name in archive.namelist()
            if name.startswith("assets/") and name.endswith(f"/{PROGRAM}")
        )
        if not prefixes:
            raise HubError(f"{path} carries no SavedModel: it loads without kerazoo.hub.trust.")
        return [_take(archive, prefix, path, sha256) for prefix in prefixes]


def _take(archive: zipfile.ZipFile, prefix: str, path: Path, sha256: str | None) -> Located:
    record = _record(archive, prefix, path)

    def fill(folder: Path) -> None:
        unpack_zip(archive, prefix, folder)
        found = content_sha256(folder)
        if found != record["sha256"]:
            raise HubError(f"{path} is damaged: the SavedModel in it has SHA-256 {found}.")
        if sha256 not in (None, found):
            raise HubError(f"{path} carries the SavedModel {found}, not {sha256}.")

    if sha256 not in (None, record["sha256"]):
        raise HubError(f"{path} carries the SavedModel {record['sha256']}, not {sha256}.")
    located = cache.entry(record["sha256"], path.name, fill)
    trusted.remember_handle(record["handle"], located.sha256)
    return located


def _record(archive: zipfile.ZipFile, prefix: str, path: Path) -> dict[str, str]:
    """What `HubLayer` wrote beside the SavedModel."""
    try:
        with archive.open(prefix + RECORD) as file:
            record = json.loads(file.read(100_000))
        handle, digest = str(record["handle"]), str(record["sha256"])
        if len(digest) == 64 and set(digest) <= set("0123456789abcdef"):
            return {"handle": handle, "sha256": digest}
    except (KeyError, TypeError, ValueError, zipfile.BadZipFile, RuntimeError):
        pass
    raise HubError(f"{path} carries a SavedModel that kerazoo did not put there: refused.")
