"""safetensors files: numbers and names only, whose places the format's own reader checks."""

from __future__ import annotations

from collections.abc import Iterator

from kerazoo.errors import WeightsError
from kerazoo.scan.place import Place
from kerazoo.scan.scan_report import Finding


def scan(place: Place) -> Iterator[Finding]:
    """Nothing, if every array lies where the header says; no array is read.

    Raises:
        WeightsError: one does not, or it is no such file.
    """
    import safetensors

    try:
        with safetensors.safe_open(place.path, framework="numpy") as file:
            count = len(file.keys())
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{place.name} is damaged or no safetensors file: {error}.") from error
    if not count:
        yield place.notice("holds no arrays")
