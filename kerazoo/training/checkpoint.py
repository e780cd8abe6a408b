"""A folder of checkpoints: the whole state of a training run, each in a file that is whole.

A file holds everything that the next step depends on (weights, optimizer with its moving average,
metrics, random seeds) as arrays, and the position in the data and the history as text. It is
written in the background while training goes on, aside, and renamed when it is on disk. The newest
whole one wins. The format is safetensors: no code in it, and a cut-off file is noticed.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kerazoo import atomic
from kerazoo.errors import RunError
from kerazoo.notices import notice
from kerazoo.training.model_state import Arrays, ModelState, view
from kerazoo.training.tensor_file import TensorFile, read_tensor_file

if TYPE_CHECKING:
    import keras

History = dict[str, list[Any]]

_KEPT = 2  # the newest, and one in case that it is damaged
_NAMES = f"{'[0-9]' * 6}-{'[0-9]' * 8}.safetensors"  # epoch and step; other files are not ours


class Progress(msgspec.Struct):
    """How far a run has come.

    Attributes:
        epoch: epochs done.
        step: steps done in the epoch after them; all of them, if its validation is still to come.
        history: name -> one value per epoch done.
        logs: what the steps of the epoch under way gave, if only its validation is to come.
        stopped: whether a callback ended the run before its last epoch.
        data: fingerprint of the batches, the same for all of the run.
    """

    epoch: int = 0
    step: int = 0
    history: History = {}
    logs: dict[str, Any] = {}
    stopped: bool = False
    data: str = ""


class Checkpoints:
    """The checkpoints of one run, in a folder of their own.

    Of several workers one is the `writer`. The others take part in `save`, since some state has to
    be collected from all, and read the same folder.
    """

    def __init__(self, folder: Path, *, writer: bool = True):
        self.folder, self.writer = folder, writer
        self._state: ModelState | None = None
        self._writing: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._file = TensorFile()

    def progress(self) -> Progress:
        """How far the newest whole checkpoint has come; `Progress()` where there is none."""
        newest = self._newest()
        return newest[2] if newest else Progress()

    def restore(self, model: keras.Model) -> Progress:
        """Put the newest whole state into `model`: compiled as the one that was saved, and built
        with its optimizer and metrics. What is damaged, or was never finished, is removed.

        Raises:
            RunError: the checkpoint belongs to another model, or none of several is whole.
        """
        newest = self._newest()
        if newest is None:
            return Progress()
        file, arrays, progress = newest
        if not self._state_of(model).put(arrays):
            raise RunError(
                f"The checkpoint in {str(self.folder)!r} is of another model or optimizer. "
                f"Choose another folder, or remove it to start anew."
            )
        if self.writer:
            self._tidy(file)
        return progress

    def _tidy(self, newest_whole: Path) -> None:
        atomic.remove_unfinished(self.folder, _NAMES)
        for damaged in self._files()[: self._files().index(newest_whole)]:
            damaged.unlink(missing_ok=True)

    def save(self, model: keras.Model, progress: Progress) -> None:
        """Copy the state of `model`, and write it while the training goes on. All workers do it at
        the same step.

        Raises:
            RunError: the checkpoint before could not be written.
        """
        self.wait()
        state = self._state_of(model).copy()
        if not self.writer:
            return
        self._file.fill(state, {"progress": json.dumps(msgspec.to_builtins(progress))})
        name = f"{progress.epoch:06d}-{progress.step:08d}.safetensors"
        self._writing = threading.Thread(target=self._write, args=(self.folder / name,))
        self._writing.start()

    def wait(self) -> None:
        """Return when the last checkpoint is on disk. Raises `RunError` if it could not be."""
        if self._writing is not None:
            self._writing.join()
            self._writing = None
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _state_of(self, model: keras.Model) -> ModelState:
        if self._state is None or self._state.model is not model:
            self._state = ModelState(model)
        return self._state

    def _write(self, path: Path) -> None:
        try:
            if sys.platform == "linux":  # there, threads have priorities; the training goes first
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
            with atomic.replacing(path) as temporary:
                self._file.write(temporary)
            for file in self._files()[_KEPT:]:
                file.unlink(missing_ok=True)
        except BaseException as error:  # `wait` raises it where the training sees it
            self._failure = error

    def _newest(self) -> tuple[Path, Arrays, Progress] | None:
        """The newest checkpoint that can be read; damaged ones are skipped with a line."""
        files = self._files()
        for file in files:
            try:
                return file, *_read(file)
            except RunError as error:
                notice(f"{error} It is skipped.")
        if files:
            raise RunError(
                f"No checkpoint in {str(self.folder)!r} is whole. Remove the folder, or start anew "
                f"with resume=False."
            )
        return None

    def _files(self) -> list[Path]:
        """Newest first. Names that start with a dot are of files that never became whole."""
        return sorted(self.folder.glob(_NAMES), reverse=True)


def save_values(path: Path, model: keras.Model) -> None:
    """Write the weights of `model` alone, exactly, numbered. Raises `RunError` if that fails."""
    file = TensorFile()
    file.fill({f"{n:04d}": view(weight) for n, weight in enumerate(model.weights)}, {})
    with atomic.replacing(path) as temporary:
        file.write(temporary)


def load_values(path: Path, model: keras.Model) -> None:
    """Give `model` the weights of one built like it. Raises `RunError` if the file is damaged, or
    does not fit."""
    arrays, _ = _read_arrays(path)
    weights = {f"{number:04d}": weight for number, weight in enumerate(model.weights)}
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    if shapes != {name: array.shape for name, array in arrays.items()}:
        raise RunError(
            f"{str(path)!r} holds the weights of another model, or is of an older kerazoo. Choose "
            f"another folder, or start anew with resume=False."
        )
    for name, weight in weights.items():
        weight.assign(arrays[name])


def _read(path: Path) -> tuple[Arrays, Progress]:
    arrays, metadata = _read_arrays(path)
    try:
        # Not by msgspec, which refuses the NaN that a metric may have.
        return arrays, msgspec.convert(json.loads(metadata["progress"]), Progress)
    except (KeyError, ValueError, msgspec.MsgspecError) as error:
        raise RunError(f"The checkpoint {str(path)!r} is damaged: {error}.") from error


def _read_arrays(path: Path) -> tuple[Arrays, dict[str, str]]:
    try:
        return read_tensor_file(path)
    except (OSError, ValueError) as error:
        raise RunError(f"{str(path)!r} is damaged: {error}.") from error
