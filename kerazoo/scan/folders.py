"""Folders: a SavedModel, or any files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from kerazoo.errors import HubError
from kerazoo.foreign.program_scan import refusals
from kerazoo.foreign.saved_model_files import MOST_FILES, PROGRAM, UNREAD, check_form, files_of
from kerazoo.scan.place import Place
from kerazoo.scan.scan_report import Finding


def kind_of(folder: Path) -> str:
    """What a report calls the folder."""
    return "SavedModel" if (folder / PROGRAM).exists() else "folder"


def scan(place: Place) -> Iterator[Finding]:
    """A SavedModel's program and assets, or every file of another folder.

    Raises:
        HubError: the SavedModel at the top is damaged.
    """
    if kind_of(place.path) == "SavedModel":
        yield from _saved_model(place, place.path)
    else:
        yield from scan_files(place)


def scan_files(place: Place) -> Iterator[Finding]:
    """Every file in the folder and below it; links are not followed."""
    waiting, count = [place.path], 0
    while waiting:
        folder = waiting.pop()
        if folder != place.path and kind_of(folder) == "SavedModel":
            yield from place.inside(folder, _name(folder, place))
            continue
        for path in sorted(folder.iterdir()):
            count += 1
            if path.is_symlink():
                yield place.danger(f"a link to {os.readlink(path)!r}", _name(path, place))
            elif path.name in UNREAD:
                yield place.danger("a SavedModel in a form that is not read", _name(path, place))
            elif path.is_dir():
                waiting.append(path)
            elif path.name == PROGRAM:
                yield from _saved_model(place, folder)
            else:
                yield from place.inside(path, _name(path, place))
        if count > MOST_FILES:
            yield place.danger(f"holds more than {MOST_FILES:,} files; the others are not checked")
            return


def _saved_model(place: Place, root: Path) -> Iterator[Finding]:
    try:
        check_form(root, place.name)
        files = files_of(root)
    except HubError as error:
        yield place.told(error)
        return
    yield from _program(place, root)
    for path in files:
        if path.is_relative_to(root / "assets") or path.is_relative_to(root / "assets.extra"):
            yield from place.inside(path, path.relative_to(root).as_posix())


def _program(place: Place, root: Path) -> Iterator[Finding]:
    """One finding for each operation that is refused, however often it is there."""
    seen: dict[str, list[str]] = {}
    for refusal in refusals(root, place.name):
        reason = str(refusal).removeprefix(f"{place.name} ")
        seen.setdefault(reason.split(" (in ")[0], []).append(reason)
    for reasons in seen.values():
        more = f" And {len(reasons) - 1:,} more times." if len(reasons) > 1 else ""
        yield place.danger(reasons[0].split(" If you know who")[0] + more, PROGRAM)


def _name(path: Path, place: Place) -> str:
    return path.relative_to(place.path).as_posix()
