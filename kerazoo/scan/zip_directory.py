"""Whether a zip has one table of contents: where there are two, readers differ in which they take.

Python finds it by counting back from the record at the end, others by the offset that is written in
this record. A file can be made so that each of them sees another archive.
"""

from __future__ import annotations

import struct
from pathlib import Path

_END = struct.Struct("<4s4H2LH")  # ..., size and offset of the directory, length of the comment
_END_64 = struct.Struct("<4sQ2H2L4Q")  # signature, own size, ..., size and offset of the directory
_LOCATOR_64 = struct.Struct("<4sLQL")  # signature, ..., offset of the record above, ...
_LONGEST_COMMENT = 2**16


def has_one_directory(path: Path) -> bool:
    """Whether its directory lies where the records at the end say, right in front of them."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        start = max(0, size - _END.size - _LOCATOR_64.size - _END_64.size - _LONGEST_COMMENT)
        file.seek(start)
        tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) < place + _END.size:
        return False
    *_, length, offset, comment = _END.unpack_from(tail, place)
    if place + _END.size + comment != len(tail):
        return False
    end = start + place
    locator = place - _LOCATOR_64.size
    if locator < 0 or tail[locator : locator + 4] != b"PK\x06\x07":
        return offset + length == end
    record = _LOCATOR_64.unpack_from(tail, locator)[2] - start
    if not 0 <= record <= locator - _END_64.size or tail[record : record + 4] != b"PK\x06\x06":
        return False
    _, own, *_, long_length, long_offset = _END_64.unpack_from(tail, record)
    agrees = length in (long_length, 2**32 - 1) and offset in (long_offset, 2**32 - 1)
    return agrees and record + 12 + own == locator and long_offset + long_length == start + record
