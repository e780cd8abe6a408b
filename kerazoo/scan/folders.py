"""Folders: a SavedModel, or any files."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator
from pathlib import Path

from kerazoo.errors import HubError
from kerazoo.foreign.program_scan import refusals
from kerazoo.foreign.saved_model_files import MOST_FILES, PROGRAM, UNREAD, check_form, files_of
from kerazoo.scan.place import Place
from kerazoo.scan.scan_report import Finding

_NUMBERS = re.compile(r"variables\.data-\d{5}-of-\d{5}")
"""Files of a SavedModel that hold weights without any start of their own, so with any."""


def kind_of(folder: Path) -> str:
    """What a report calls the folder."""
    return "SavedModel" if (folder / PROGRAM).is_file() else "folder"


def scan_files(place: Place) -> Iterator[Finding]:
    """Every file in the folder and below it, SavedModels among them; links are not followed.

    Raises:
        HubError: the SavedModel at the top is damaged.
    """
    waiting, count = [place.path], 0
    while waiting:
        folder = waiting.pop()
        for path in sorted(folder.iterdir()):
            count += 1
            if path.is_symlink():
                yield place.danger(f"a link to {os.readlink(path)!r}", _name(path, place))
            elif path.name in UNREAD:
                yield place.danger("a SavedModel in a form that is not read", _name(path, place))
            elif path.is_dir():
                waiting.append(path)
            elif path.name == PROGRAM:
                yield from _saved_model(place) if folder == place.path else _inner(place, folder)
            elif not (folder.name == "variables" and _NUMBERS.fullmatch(path.name)):
                yield from place.inside(path, _name(path, place))
        if count > MOST_FILES:
            yield place.danger(f"holds more than {MOST_FILES:,} files; the others are not checked")
            return


def _saved_model(place: Place) -> Iterator[Finding]:
    """What is wrong with the SavedModel as a whole, or with its program."""
    try:
        check_form(place.path, place.name)
        files_of(place.path)
    except HubError as error:
        yield place.told(error)
        return
    yield from _program(place, place.path)


def _inner(place: Place, folder: Path) -> Iterator[Finding]:
    """As `_saved_model`, for one further down: no damage there ends the scan."""
    inner = dataclasses.replace(place, path=folder, name=f"{place.name}: {_name(folder, place)}")
    try:
        yield from _saved_model(inner)
    except HubError as error:
        yield inner.unread(error)


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
