"""What is dangerous in an HDF5 file, read from its structure before any array is opened.

HDF5 can point anywhere: external links and external or virtual datasets read other files of the
machine, soft links go around in circles, and a few bytes can declare an array of terabytes.
(CVE-2026-1669 and CVE-2026-12570 of Keras are of this kind.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import h5py

from kerazoo.foreign.hdf5_heaps import check_heaps

DEEPEST = 100  # groups within groups
MOST_OBJECTS = 100_000  # groups and arrays; each takes a tenth of a millisecond and more
LARGEST_UNCHECKED = 1 << 28  # bytes; above it, arrays must be in the file in earnest
MOST_EXPANSION = 100  # times the bytes that are stored


def refusals(file: h5py.File, name: str) -> Iterator[str]:
    """Why the file is not safe to read, reason by reason; `name` is what they call it.

    Raises:
        KeyError, OSError, RuntimeError, RecursionError: the file is damaged.
    """
    check_heaps(file)
    declared = stored = 0
    seen = {h5py.h5o.get_info(file.id).addr}
    waiting: list[tuple[h5py.Group, int]] = [(file, 0)]
    while waiting:
        group, depth = waiting.pop()
        for key in group:
            where = f"{name}: {group.name.rstrip('/')}/{key}"
            link = type(group.get(key, getlink=True))
            if link is not h5py.HardLink:
                yield (
                    f"{where} is an HDF5 {link.__name__}, which can lead out of the file or in "
                    "circles: refused."
                )
                continue
            child = group[key]
            address = h5py.h5o.get_info(child.id).addr
            if isinstance(child, h5py.Dataset):
                reasons = list(_of_dataset(child, where))
                yield from reasons
                declared += 0 if reasons else _declared(child)
                if address not in seen:  # an array may be there by many names
                    stored += child.id.get_storage_size()
            elif not isinstance(child, h5py.Group):
                yield f"{where} is neither a group nor an array: refused."
            elif address in seen or depth >= DEEPEST:
                yield f"{where} is a group that leads in circles: refused."
            else:
                waiting.append((child, depth + 1))
            seen.add(address)
        if len(seen) > MOST_OBJECTS:
            yield f"{name} holds more than {MOST_OBJECTS:,} objects: refused."
            return
    yield from _of_sizes(declared, stored, f"{name} in all")


def _of_dataset(dataset: h5py.Dataset, where: str) -> Iterator[str]:
    if dataset.external:
        yield f"{where} keeps its values in another file ({dataset.external[0][0]}): refused."
        return
    if dataset.is_virtual:
        yield f"{where} is a virtual dataset, made of other files: refused."
        return
    if dataset.dtype.kind not in "biufSO" and not _is_bfloat16(dataset):
        yield f"{where} holds {dataset.dtype}, which is no number: refused."
    yield from _of_sizes(_declared(dataset), dataset.id.get_storage_size(), where)


def _is_bfloat16(dataset: h5py.Dataset) -> bool:
    """Whether it holds what Keras saves for bfloat16: two bytes that HDF5 knows no meaning of."""
    return dataset.dtype == "V2" and str(dataset.attrs.get("dtype")) == "bfloat16"


def _declared(dataset: h5py.Dataset) -> int:
    return math.prod(dataset.shape or ()) * dataset.dtype.itemsize


def _of_sizes(declared: int, stored: int, where: str) -> Iterator[str]:
    if declared > LARGEST_UNCHECKED and declared > MOST_EXPANSION * stored:
        yield f"{where} declares {declared:,} bytes and stores {stored:,}: refused."
