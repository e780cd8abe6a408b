"""How BLEU parts a line into tokens: the ways of sacrebleu, under sacrebleu's names."""

from __future__ import annotations

import re
from collections.abc import Callable

# What NIST's mteval-v13a.pl replaces, in its order. A line break after a hyphen joins a word.
_REPLACED = (
    ("<skipped>", ""),
    ("-\n", ""),
    ("\n", " "),
    ("&quot;", '"'),
    ("&amp;", "&"),
    ("&lt;", "<"),
    ("&gt;", ">"),
)
_PARTED = (
    # Every ASCII symbol but ' , - and . stands alone.
    (re.compile(r"([!-&(-+/:-@\[-`{-~])"), r" \1 "),
    # So do a period and a comma, unless between digits,
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),
    # and a hyphen behind a digit.
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)


def _tokens_13a(line: str) -> list[str]:
    for old, new in _REPLACED:
        line = line.replace(old, new)
    line = f" {line} "
    for pattern, parted in _PARTED:
        line = pattern.sub(parted, line)
    return line.split()


def _characters(line: str) -> list[str]:
    return [character for character in line if not character.isspace()]


TOKENIZERS: dict[str, Callable[[str], list[str]]] = {
    "13a": _tokens_13a,
    "char": _characters,
    "none": str.split,
}
