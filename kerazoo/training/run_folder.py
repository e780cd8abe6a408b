"""The folder of one training run: what was asked, with what it ran, how far it came, what came out.

config.yaml              the recipe as resolved; `kerazoo train config.yaml` repeats the run
environment.json         versions, devices, seed, precision and its timings, command
checkpoints/             the newest whole states, from which the run resumes
teacher_outputs/         what a teacher that runs once said (distillation.cached)
best.safetensors         the weights of the best epoch by validation
history.csv              one row per epoch
tensorboard/             the same for TensorBoard
model.keras              the trained model; present only when the run is complete
metrics.json             its figures on the validation part
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kerazoo import atomic
from kerazoo.errors import ConfigError, RunError
from kerazoo.file_lock import claimed
from kerazoo.training.checkpoint import History
from kerazoo.training.precision import Choice
from kerazoo.zoo.agent_config import AnyConfig
from kerazoo.zoo.config_file import to_config, to_plain, to_yaml
from kerazoo.zoo.yaml_reader import read_yaml

if TYPE_CHECKING:
    import keras


class RunFolder:
    """Paths of a run's files, and the reading and writing of the small ones."""

    def __init__(self, path: Path):
        self.path = path
        self.config = path / "config.yaml"
        self.environment = path / "environment.json"
        self.checkpoints = path / "checkpoints"
        self.teacher_outputs = path / "teacher_outputs"
        self.best = path / "best.safetensors"
        self.history = path / "history.csv"
        self.tensorboard = path / "tensorboard"
        self.model = path / "model.keras"
        self.metrics = path / "metrics.json"

    @property
    def is_complete(self) -> bool:
        """Whether the run came to its end."""
        return self.model.exists() and self.metrics.exists()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes out, which would write the same files. Raises `RunError` if one is
        in it, or if it cannot be made."""
        atomic.make_folder(self.path)
        with claimed(self.path) as is_ours:
            if not is_ours:
                raise RunError(
                    f"Another process trains in {str(self.path)!r}. Wait for it, or choose another "
                    f"output_dir."
                )
            yield

    def open(self, config: AnyConfig, *, resume: bool) -> None:
        """Make the folder ready for a run of `config`, keeping what an earlier one left or not.

        Raises:
            RunError: it cannot be written, or holds the run of another config.
        """
        for file in set(vars(self).values()) - {self.path}:
            atomic.remove_unfinished(self.path, file.name)
        if not resume:
            self._clear()
        if self.config.exists():
            self._check_same(config)
        else:
            self._refuse_foreign()
            atomic.write_text(self.config, to_yaml(to_plain(config)))

    def write_environment(self, choice: Choice | None = None, **facts: Any) -> None:
        """Write what the result depends on beside the config; `choice`: of a precision."""
        packages = ("kerazoo", "keras", "tensorflow", "numpy")
        environment = {
            "command": sys.argv,
            "python": platform.python_version(),
            "machine": platform.platform(),
            "versions": {name: _version(name) for name in packages},
            **facts,
            **(msgspec.to_builtins(choice) if choice else {}),
        }
        atomic.write_text(self.environment, json.dumps(environment, indent=2))

    def read_choice(self) -> Choice:
        """The precision that the run was started with."""
        try:
            environment = json.loads(self.environment.read_text(encoding="utf-8"))
            return msgspec.convert(
                {key: environment[key] for key in Choice.__struct_fields__}, Choice
            )
        except (OSError, ValueError, KeyError) as error:
            raise RunError(
                f"Cannot resume in {str(self.path)!r}: environment.json is missing or damaged. "
                f"Start anew with resume=False."
            ) from error

    def write_history(self, history: History, *, row: str = "epoch") -> None:
        """Write history.csv anew: a row per epoch, or what `row` says, and a column per value."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow([row, *history])
        for number, values in enumerate(zip(*history.values(), strict=True), start=1):
            writer.writerow([number, *values])
        atomic.write_text(self.history, text.getvalue())

    def write_metrics(self, metrics: dict[str, float]) -> None:
        """Write metrics.json."""
        atomic.write_text(self.metrics, json.dumps(metrics, indent=2))

    def write_model(self, model: keras.Model) -> None:
        """Write model.keras."""
        with atomic.replacing(self.model) as temporary:
            model.save(temporary)

    def read_metrics(self) -> dict[str, float]:
        """What `write_metrics` wrote."""
        return json.loads(self.metrics.read_text(encoding="utf-8"))

    def _check_same(self, config: AnyConfig) -> None:
        try:
            there = to_plain(to_config(read_yaml(self.config), source=str(self.config)))
        except ConfigError as error:
            raise RunError(f"Cannot resume in {str(self.path)!r}: {error}") from error
        differences = list(_differences(there, to_plain(config)))
        if differences:
            field, before, now = differences[0]
            raise RunError(
                f"{str(self.path)!r} holds a run with another config ({field}: {before!r} there, "
                f"{now!r} now). Choose another output_dir, or replace it with resume=False "
                f"(--no-resume)."
            )

    def _refuse_foreign(self) -> None:
        if self.path.is_dir() and any(self.path.iterdir()):
            raise RunError(
                f"{str(self.path)!r} is not empty and holds no run. Choose another output_dir."
            )

    def _clear(self) -> None:
        """Remove an earlier run's files, and nothing else; last the one that says it is a run."""
        if not self.config.exists():
            return
        try:
            for path in [p for p in vars(self).values() if p not in (self.path, self.config)]:
                if path.is_dir():
                    shutil.rmtree(path)
                path.unlink(missing_ok=True)
            self.config.unlink()
        except OSError as error:
            raise RunError(f"Cannot replace {str(error.filename)!r}: {error.strerror}.") from error


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"


def _differences(before: Any, now: Any, path: str = "") -> Any:
    """(field path, value before, value now) of whatever a result depends on."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in {**before, **now}:
            # Published weights, cards and export defaults do not change a training run.
            if path or key not in ("weights", "card", "export", "summary"):
                yield from _differences(before.get(key), now.get(key), f"{path}.{key}".strip("."))
    elif before != now:
        yield path, before, now
