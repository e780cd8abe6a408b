"""Pickles, which are programs: the names that one asks Python for, read without running it."""

from __future__ import annotations

import io
import itertools
import pickle
import pickletools
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from kerazoo.errors import DataError, HubError
from kerazoo.foreign.archive import check_members
from kerazoo.scan.archives import DAMAGE
from kerazoo.scan.place import Place
from kerazoo.scan.scan_report import Finding
from kerazoo.scan.zip_directory import has_one_directory

_OLD_PYTORCH = tuple(pickle.dumps(0x1950A86A20F9469CFC6C, protocol) for protocol in range(6))
"""How files start that PyTorch wrote before 1.6: a number as the first of five pickles."""
_OLD_PYTORCHS_PICKLES = 5
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
        with place.path.open("rb") as file:
            if file.read(4) == b"PK\x03\x04":  # so do loaders tell: a zip may follow a pickle
                yield from _scan_zip(place)
                return
            if _is_tar(place.path):
                yield place.danger("a .tar file, PyTorch's oldest form, of pickles: not checked")
                return
            file.seek(0)
            yield from _scan_stream(file, place, "")
    except DataError:
        raise
    except HubError as error:
        yield place.told(error)
    except DAMAGE as error:
        raise DataError(f"{place.name} is damaged or no pickle: {error}.") from error


def _is_tar(path: Path) -> bool:
    """As PyTorch asks before it reads a pickle; a file can be both."""
    try:
        tarfile.open(path, "r:").close()
    except tarfile.TarError:
        return False
    return True


def _scan_zip(place: Place) -> Iterator[Finding]:
    """What `torch.save` writes since PyTorch 1.6."""
    if not has_one_directory(place.path):
        yield place.danger(
            "an archive whose table of contents is not where it says: programs read other "
            "contents than were checked here"
        )
    with zipfile.ZipFile(place.path) as archive:
        infos = archive.infolist()
        # PyTorch's reader takes names in any case
        pickles = [info for info in infos if info.filename.lower().endswith(".pkl")]
        if not pickles:
            raise DataError(f"{place.name} is an archive without a pickle: no PyTorch file.")
        check_members(pickles, place.path)
        for info in pickles:
            yield from _scan_stream(io.BytesIO(archive.read(info)), place, info.filename)
        if any("/code/" in info.filename.lower() for info in infos):
            yield place.danger("holds a TorchScript program")


def _scan_stream(file: IO[bytes], place: Place, at: str) -> Iterator[Finding]:
    names, is_whole = _names(file, place)
    for name in names:
        if name not in _HARMLESS:
            yield place.danger(f"a pickle, which is a program: it calls for {name}", at)
    if not is_whole:
        yield place.danger(
            "a pickle, and behind it what cannot be read as another one, so it is not checked", at
        )
    elif _HARMLESS.issuperset(names):
        yield place.notice(
            "a pickle, which asks for nothing but tensors and plain data. Load it with "
            "torch.load(weights_only=True), never with pickle",
            at,
        )


def _names(file: IO[bytes], place: Place) -> tuple[list[str], bool]:
    """The full names that the pickles in a row import, and whether that is all of the file.

    Behind the pickles of PyTorch's old files are numbers, which nobody reads as a pickle. Anywhere
    else, a program may stand in what pickletools fails at and Python's own reader does not.
    """
    names: dict[str, None] = {}
    is_pytorch = file.read(max(map(len, _OLD_PYTORCH))).startswith(_OLD_PYTORCH)
    file.seek(0)
    for count in itertools.count():
        try:
            for name in _imports(file, place):
                names[name] = None
        except HubError:
            raise  # more in it than in honest archives, which is no damage
        except Exception as error:  # pickletools ends in any of a dozen for damaged ones
            if count:
                return list(names), is_pytorch and count >= _OLD_PYTORCHS_PICKLES
            reason = " ".join(str(error).split())[:200]
            raise DataError(f"{place.name} is damaged or no pickle: {reason}.") from error
        if not file.read(1):
            break
        file.seek(-1, io.SEEK_CUR)
    return list(names), True


def _imports(file: IO[bytes], place: Place) -> Iterator[str]:
    """Follows texts to where a pickle uses them: names are the last two before STACK_GLOBAL."""
    texts: list[str | None] = []
    memo: dict[Any, str | None] = {}
    frame_end = 0
    for opcode, argument, _ in pickletools.genops(file):
        place.budget.take(place.name, parts=1)
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
        elif opcode.name == "FRAME":
            assert argument is not None  # it is a length
            frame_end = max(frame_end, file.tell() + argument)
        elif opcode.name != "PROTO":
            texts.append(argument if isinstance(argument, str) else None)
        del texts[:-2]
    if file.tell() < frame_end:  # Python's readers go on behind it, each at another place
        raise ValueError("its last frame is longer than the pickle")
