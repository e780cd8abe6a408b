"""Pickles, which are programs: the names that one asks Python for, read without running it."""

from __future__ import annotations

import io
import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from kerazoo.errors import DataError, HubError
from kerazoo.foreign.archive import check_size
from kerazoo.scan.archives import DAMAGE
from kerazoo.scan.place import Place
from kerazoo.scan.scan_report import Finding

_MOST_PICKLES = 8  # in a row, as PyTorch before 1.6 wrote five
_UNKNOWN = "a name that it makes up while it runs"
_HARMLESS = {
    "collections.OrderedDict",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_tensor_v2",
    "torch.Size",
    *(f"torch.{kind}Storage" for kind in ("BFloat16", "Bool", "Byte", "Char", "Double", "Float")),
    *(f"torch.{kind}Storage" for kind in ("Half", "Int", "Long", "Short")),
    "torch.storage.UntypedStorage",
}
"""What a dictionary of PyTorch's tensors asks for; none of these does anything else."""


def scan(place: Place) -> Iterator[Finding]:
    """The names that the pickle imports, those within PyTorch's archives too.

    Raises:
        DataError: it is neither a pickle nor such an archive.
    """
    try:
        if zipfile.is_zipfile(place.path):
            yield from _scan_zip(place)
            return
        with place.path.open("rb") as file:
            yield from _scan_stream(file, place, "")
    except DataError:
        raise
    except HubError as error:
        yield place.told(error)
    except DAMAGE as error:
        raise DataError(f"{place.name} is damaged or no pickle: {error}.") from error


def starts_as_pickle(path: Path) -> bool:
    """Whether the file starts as pickles of protocol 2 and newer do."""
    with path.open("rb") as file:
        start = file.read(2)
    return start[:1] == b"\x80" and start[1:] <= b"\x05"


def _scan_zip(place: Place) -> Iterator[Finding]:
    """What `torch.save` writes since PyTorch 1.6."""
    with zipfile.ZipFile(place.path) as archive:
        infos = archive.infolist()
        pickles = [info for info in infos if info.filename.endswith(".pkl")]
        if not pickles:
            raise DataError(f"{place.name} is an archive without a pickle: no PyTorch file.")
        for info in pickles:
            check_size(info.file_size, info.compress_size, place.path)
            yield from _scan_stream(io.BytesIO(archive.read(info)), place, info.filename)
        if any("/code/" in info.filename for info in infos):
            yield place.danger("holds a TorchScript program")


def _scan_stream(file: IO[bytes], place: Place, at: str) -> Iterator[Finding]:
    names = list(dict.fromkeys(_names(file, place)))
    for name in names:
        if name not in _HARMLESS:
            yield place.danger(f"a pickle, which is a program: it calls for {name}", at)
    if _HARMLESS.issuperset(names):
        yield place.notice(
            "a pickle, which asks for nothing but tensors and plain data. Load it with "
            "torch.load(weights_only=True), never with pickle",
            at,
        )


def _names(file: IO[bytes], place: Place) -> Iterator[str]:
    """The full names that the pickles in a row import. What follows the last one is not read."""
    for count in range(_MOST_PICKLES):
        try:
            yield from _imports(file)
        except Exception as error:  # pickletools ends in any of a dozen for damaged ones
            if count:
                return  # numbers: a storage of PyTorch's
            reason = " ".join(str(error).split())[:200]
            raise DataError(f"{place.name} is damaged or no pickle: {reason}.") from error


def _imports(file: IO[bytes]) -> Iterator[str]:
    """Follows texts to where a pickle uses them: names are the last two before STACK_GLOBAL."""
    texts: list[str | None] = []
    memo: dict[Any, str | None] = {}
    for opcode, argument, _ in pickletools.genops(file):
        last = texts[-1] if texts else None
        if opcode.name in ("GLOBAL", "INST"):
            yield ".".join(str(argument).split(" ", 1))
            texts.append(None)
        elif opcode.name == "STACK_GLOBAL":
            module, name = texts[-2:] if len(texts) > 1 else (None, None)
            yield f"{module}.{name}" if module and name else _UNKNOWN
            texts.append(None)
        elif opcode.name.startswith("EXT"):
            yield _UNKNOWN
        elif opcode.name == "MEMOIZE":
            memo[len(memo)] = last
        elif opcode.name in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[argument] = last
        elif opcode.name in ("GET", "BINGET", "LONG_BINGET"):
            texts.append(memo.get(argument))
        elif opcode.name not in ("PROTO", "FRAME"):
            texts.append(argument if isinstance(argument, str) else None)
        del texts[:-2]
