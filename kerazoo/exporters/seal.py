"""A checksum at the end of the .tflite files that kerazoo writes.

The runtime checks that the offsets inside a file stay inside it, but a changed byte elsewhere can
still crash it or never let it end (seen: one of each among 1,400 one-byte changes to small int8
files, ai-edge-litert 2.3). FlatBuffers ignore bytes after their end, so other programs read a
sealed file as any other.
"""

from __future__ import annotations

import hashlib

from kerazoo.errors import DataError

MARK = b"KERAZOO-SHA256:\n"


def seal(content: bytes) -> bytes:
    """The file with its own SHA-256 at the end."""
    return content + MARK + hashlib.sha256(content).digest()


def check_seal(content: bytes, name: str) -> None:
    """Raise `DataError` if the file was sealed and is not as it was; others pass."""
    length = len(MARK) + hashlib.sha256().digest_size
    body, end = content[:-length], content[-length:]
    if end.startswith(MARK) and hashlib.sha256(body).digest() != end[len(MARK) :]:
        raise DataError(
            f"{name!r} is damaged: its checksum does not match its content. Export it again."
        )
