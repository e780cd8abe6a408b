"""Labels and the card's essentials, kept inside the .tflite file itself.

They are one entry, named "kerazoo", in the file's own metadata list: JSON in UTF-8. Runtimes skip
entries they do not know, and the entries of the converter stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from kerazoo.errors import DataError
from kerazoo.exporters.flatbuffer import damaged, pack, unpack

ENTRY = "kerazoo"


def write(content: bytes, metadata: dict[str, Any]) -> bytes:
    """The same file with `metadata` (anything JSON holds) as its entry, replacing an older one."""
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    model = unpack(content)
    entries = [entry for entry in model.metadata or [] if _name(entry) != ENTRY]
    buffer = schema.BufferT()
    text = json.dumps(metadata, ensure_ascii=False, sort_keys=True)
    buffer.data = np.frombuffer(text.encode(), np.uint8)
    entry = schema.MetadataT()
    entry.name, entry.buffer = ENTRY, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*entries, entry]
    return pack(model)


def read(content: bytes) -> dict[str, Any]:
    """What `write` stored; empty for a file from elsewhere.

    Raises:
        DataError: a damaged file.
    """
    from ai_edge_litert import schema_py_generated as schema

    try:
        model = schema.Model.GetRootAs(content)
        for index in range(model.MetadataLength()):
            entry = model.Metadata(index)
            if entry.Name() == ENTRY.encode():
                data = model.Buffers(entry.Buffer()).DataAsNumpy()
                found = json.loads(data.tobytes().decode())
                return found if isinstance(found, dict) else {}
    except Exception as error:  # as in `flatbuffer.unpack`
        raise damaged(error) from error
    return {}


def check_labels(labels: Sequence[str] | None, classes: int | None) -> list[str] | None:
    """The labels as a list, once there is one distinct text per class.

    Args:
        labels: one name per class, in the order of the last output dimension; None for none.
        classes: size of the last dimension of the only output; None with several outputs.

    Raises:
        DataError: not a list of texts, or not as many as classes.
    """
    if labels is None:
        return None
    if isinstance(labels, str) or not all(isinstance(label, str) for label in labels):
        raise DataError(f"`labels` must be a list of texts. Received: {labels!r}.")
    if classes is None:
        raise DataError("`labels` need a model with one output whose last dimension is known.")
    if len(labels) != classes:
        raise DataError(
            f"`labels` must hold one text for each of the {classes} classes of the output. "
            f"Received: {len(labels)}."
        )
    return list(labels)


def _name(entry: Any) -> str:
    return entry.name.decode() if isinstance(entry.name, bytes) else entry.name
