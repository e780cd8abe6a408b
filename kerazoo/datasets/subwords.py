"""Sentences as numbers of subwords, and back: byte-pair encoding that loses nothing."""

from __future__ import annotations

import heapq
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

PADDING, START, END = 0, 1, 2
"""What stands after a sentence's end, before its first piece, and after its last one."""

_BYTES = 3  # the number of byte 0; 256 bytes, then the pieces
_PIECES = _BYTES + 256
_MARK = "\u2581"  # of a space, so that a piece shows where a word begins
_CHUNK = re.compile(r" ?\w+| ?[^\w\s]|\s")  # pieces do not reach over the end of one
_CACHED = 1 << 16


class Subwords:
    """Pieces of words by number: 0 padding, 1 start, 2 end, 3 to 258 single bytes, then `pieces`.

    A piece is a character or joins two others; those that come first are joined first (Sennrich,
    Haddow, Birch 2016, arXiv:1508.07909). A mark in the pieces stands for the space before a word.
    What no piece has is spelled in bytes of UTF-8, so `decode(encode(text))` is `text`, whatever
    that is; half a character (a surrogate) becomes "?".

    >>> from kerazoo.datasets.subwords import Subwords
    >>> subwords = Subwords.learned_from(["low lower lowest"] * 20, pieces=14)
    >>> subwords.spelled("slow lower")
    ['\u2581', 's', 'low', '\u2581low', 'er']
    >>> subwords.decode(subwords.encode("slow, 慢"))
    'slow, 慢'
    """

    def __init__(self, pieces: Sequence[str]):
        self.pieces = tuple(pieces)
        self._ranks = {piece: rank for rank, piece in enumerate(pieces)}
        self._of_chunk = lru_cache(_CACHED)(self._encode_chunk)

    @classmethod
    def learned_from(cls, texts: Iterable[str], *, pieces: int, least: int = 10) -> Subwords:
        """The characters that `texts` have `least` times or more, and `pieces` in all: joined is
        the pair that stands side by side most often, of equals the first by its letters."""
        chunks = Counter(chunk for text in texts for chunk in _chunks(text))
        counts: Counter[str] = Counter()
        for chunk, count in chunks.items():
            for letter in filter(None, map(_letter, chunk)):
                counts[letter] += count
        alphabet = sorted(letter for letter, count in counts.items() if count >= least)
        return cls(alphabet + _join_pairs(chunks, set(alphabet), pieces - len(alphabet)))

    @classmethod
    def read(cls, path: Path) -> Subwords:
        """A text file with one piece a line."""
        return cls(path.read_text(encoding="utf-8").split("\n")[:-1])

    def write(self, path: Path) -> None:
        """What `read` takes."""
        path.write_text("\n".join(self.pieces) + "\n", encoding="utf-8")

    def __len__(self) -> int:
        """Numbers in use: pieces, bytes, and the three marks."""
        return len(self.pieces) + _PIECES

    def encode(self, text: str) -> list[int]:
        """The numbers of a text's pieces, without start and end; none for no text."""
        return [number for chunk in _chunks(text) for number in self._of_chunk(chunk)]

    def decode(self, numbers: Iterable[int]) -> str:
        """The text before the first end; padding and start are left out. Bytes that are no UTF-8
        become a replacement character."""
        spelled = b""
        for number in numbers:
            if number == END:
                break
            if number >= _PIECES:
                spelled += self.pieces[number - _PIECES].replace(_MARK, " ").encode()
            elif number >= _BYTES:
                spelled += bytes([number - _BYTES])
        return spelled.decode(errors="replace").removeprefix(" ")

    def spelled(self, text: str) -> list[str]:
        """The pieces of a text; bytes as "<c3>"."""
        return [
            self.pieces[number - _PIECES] if number >= _PIECES else f"<{number - _BYTES:02x}>"
            for number in self.encode(text)
        ]

    def _encode_chunk(self, chunk: str) -> tuple[int, ...]:
        parts: list[str | int] = []  # an integer is a byte, which nothing is joined with
        for written in chunk:
            letter = _letter(written)
            if letter in self._ranks:
                parts.append(letter)
            else:
                parts += [byte + _BYTES for byte in written.encode(errors="replace")]
        while len(parts) > 1:
            best, place = min((self._rank(*pair), at) for at, pair in enumerate(pairwise(parts)))
            if best == len(self.pieces):
                break
            parts[place : place + 2] = [self.pieces[best]]
        return tuple(
            self._ranks[part] + _PIECES if isinstance(part, str) else part for part in parts
        )

    def _rank(self, left: str | int, right: str | int) -> int:
        """Of the piece that both make; as many as there are pieces if they make none."""
        if isinstance(left, int) or isinstance(right, int):
            return len(self.pieces)
        return self._ranks.get(left + right, len(self.pieces))


def _chunks(text: str) -> list[str]:
    return _CHUNK.findall(f" {text}") if text else []


def _letter(written: str) -> str:
    """What stands for a character in pieces; "" if it is spelled in bytes: the mark itself, and
    white space other than the space, which would spoil the file."""
    if written == " ":
        return _MARK
    return "" if written == _MARK or written.isspace() else written


def _join_pairs(chunks: Counter[str], alphabet: set[str], count: int) -> list[str]:
    """The pieces that `count` times joining the most frequent pair of all chunks makes."""
    known = {letter: letter for letter in alphabet}  # any other is "", which nothing is joined with
    parts = [[known.get(_letter(written), "") for written in chunk] for chunk in chunks]
    weights = list(chunks.values())
    counts: Counter[tuple[str, str]] = Counter()
    places: defaultdict[tuple[str, str], set[int]] = defaultdict(set)

    def count_pairs(number: int, sign: int) -> set[tuple[str, str]]:
        pairs = [pair for pair in pairwise(parts[number]) if "" not in pair]
        for pair in pairs:
            counts[pair] += sign * weights[number]
            places[pair].add(number)
        return set(pairs)

    for number in range(len(parts)):
        count_pairs(number, +1)
    queue = [(-value, pair) for pair, value in counts.items()]
    heapq.heapify(queue)
    pieces: dict[str, None] = {}
    while queue and len(pieces) < count:
        value, pair = heapq.heappop(queue)
        if counts[pair] != -value or value == 0:  # counted anew since
            continue
        pieces["".join(pair)] = None
        changed = set()
        for number in places.pop(pair):
            changed |= count_pairs(number, -1)
            parts[number] = _joined(parts[number], pair)
            changed |= count_pairs(number, +1)
        for other in changed:
            heapq.heappush(queue, (-counts[other], other))
    return list(pieces)


def _joined(parts: list[str], pair: tuple[str, str]) -> list[str]:
    """`parts` with each occurrence of the pair, from the left, as one."""
    result: list[str] = []
    for part in parts:
        if result and (result[-1], part) == pair:
            result[-1] += part
        else:
            result.append(part)
    return result
