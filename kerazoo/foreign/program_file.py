"""Reading `saved_model.pb`, within limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kerazoo.errors import HubError
from kerazoo.foreign.messages import saved_model_class
from kerazoo.foreign.saved_model_files import PROGRAM

MOST_BYTES = 1 << 30
"""Graphs with weights as constants have hundreds of MB; protobuf itself ends at 2 GiB."""
UNCOUNTED_BYTES = 16 << 20
MOST_MESSAGES = 5_000_000
"""An empty message takes two bytes of the file and a hundred of memory."""
_MOST_BYTES_OF_A_NUMBER = 10


def read_program(root: Path, named: str) -> Any:
    """The `SavedModel` message in the folder `root`.

    Raises:
        HubError: the file is missing, damaged, too large, or made to fill the memory.
    """
    from google.protobuf.message import DecodeError

    kind = saved_model_class()
    try:
        size = (root / PROGRAM).stat().st_size
        if size > MOST_BYTES:
            raise HubError(f"{named}: {PROGRAM} has {size:,} bytes, more than {MOST_BYTES:,}.")
        content = (root / PROGRAM).read_bytes()
    except OSError as error:
        raise HubError(f"{named}: {PROGRAM} cannot be read: {error.strerror}.") from error
    try:
        if len(content) > UNCOUNTED_BYTES:
            _check_messages(content, kind.DESCRIPTOR, named)
        program = kind.FromString(content)
    except HubError:
        raise  # it is a ValueError too
    except (DecodeError, IndexError, ValueError) as error:
        raise HubError(f"{named}: {PROGRAM} is damaged or no SavedModel.") from error
    if not program.meta_graphs:
        raise HubError(f"{named}: {PROGRAM} is damaged or no SavedModel.")
    return program


def _check_messages(content: bytes, descriptor: Any, named: str) -> None:
    """Count the messages inside of messages, without making any of them."""
    count, waiting = 0, [(0, len(content), descriptor)]
    fields: dict[str, dict[int, Any]] = {}
    while waiting:
        place, end, kind = waiting.pop()
        if kind.full_name not in fields:
            fields[kind.full_name] = {
                field.number: field.message_type for field in kind.fields if field.message_type
            }
        inner = fields[kind.full_name]
        while place < end:
            tag, place = varint(content, place)
            wire = tag & 7
            if wire == 2:
                length, place = varint(content, place)
                if (tag >> 3) in inner:
                    count += 1
                    waiting.append((place, place + length, inner[tag >> 3]))
                place += length
            elif wire == 0:
                _, place = varint(content, place)
            elif wire in (1, 5):
                place += 8 if wire == 1 else 4
            else:  # a group, whose end protobuf looks for; SavedModels have none
                raise ValueError(f"Unknown wire type {wire}.")
        if count > MOST_MESSAGES:
            raise HubError(f"{named}: {PROGRAM} holds more than {MOST_MESSAGES:,} messages.")


def varint(content: bytes, place: int) -> tuple[int, int]:
    """The number that starts at `place`, and where it ends.

    Raises:
        IndexError: the content ends within it.
        ValueError: it has more bytes than protobuf takes.
    """
    value = 0
    for shift in range(0, 7 * _MOST_BYTES_OF_A_NUMBER, 7):
        byte = content[place]
        value |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            return value, place
    raise ValueError(f"A number of more than {_MOST_BYTES_OF_A_NUMBER} bytes.")
