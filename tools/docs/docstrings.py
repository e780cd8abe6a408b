"""For mkdocstrings: doctest lines of a docstring become a code block, as they are meant."""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"(?:^|(?<=\n\n))( *)>>> .*?(?=\n\n|\Z)", re.DOTALL)


class DoctestsAsCode(griffe.Extension):
    """Without it Markdown takes ">>>" for a quotation and "[0]" for a link."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = with_code_blocks(obj.docstring.value)


def with_code_blocks(text: str) -> str:
    """A docstring with each paragraph that begins with ">>> " in a fence."""
    return EXAMPLE.sub(lambda found: f"{found[1]}```pycon\n{found[0]}\n{found[1]}```", text)
