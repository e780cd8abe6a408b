"""The whole state of a run between two rounds, in one file that is whole or not there.

Variables (networks, optimizer, counters, replay buffer) and the environments' episodes and actions
are arrays; the history is text. The format is safetensors, as that of other runs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kerazoo import atomic
from kerazoo.errors import RunError
from kerazoo.rl.gymnasium_environment import GymnasiumEnvironment
from kerazoo.rl.learner import Learner
from kerazoo.training.tensor_file import TensorFile, read_tensor_file

_NAME = "newest.safetensors"


class AgentCheckpoint:
    """The newest state of a run, in a folder of its own. A new one replaces it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.path = folder / _NAME
        self._file = TensorFile()

    def save(
        self, learner: Learner, environment: GymnasiumEnvironment, progress: dict[str, Any]
    ) -> None:
        """Write the state. Raises `RunError` if that fails; the state before is then kept."""
        arrays = {name: _view(value) for name, value in _named(learner).items()}
        state = {f"environment/{k}": v for k, v in environment.get_state().items()}
        self._file.fill({**arrays, **state}, {"progress": json.dumps(progress)})
        with atomic.replacing(self.path) as temporary:
            self._file.write(temporary)

    def restore(self, learner: Learner, environment: GymnasiumEnvironment) -> dict[str, Any] | None:
        """Put the state back, and return the progress that was saved with it; None without one.

        Raises:
            RunError: the file is damaged, or of another agent.
        """
        if not self.path.exists():
            return None
        atomic.remove_unfinished(self.folder, _NAME)
        arrays, progress = self.read()
        variables = _named(learner)
        shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
        there = {k: v.shape for k, v in arrays.items() if not k.startswith("environment/")}
        if shapes != there:
            raise RunError(
                f"The checkpoint {str(self.path)!r} is of another agent. Choose another "
                f"output_dir, or start anew with resume=False."
            )
        for name, variable in variables.items():
            variable.assign(arrays[name])
        environment.set_state(
            {k.split("/")[1]: v for k, v in arrays.items() if k.startswith("environment/")}
        )
        return progress

    def read(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The arrays and the progress of the file. Raises `RunError` if it is damaged."""
        try:
            arrays, metadata = read_tensor_file(self.path)
            return arrays, json.loads(metadata["progress"])
        except (OSError, ValueError, KeyError) as error:
            raise RunError(
                f"The checkpoint {str(self.path)!r} is damaged: {error}. Start anew with "
                f"resume=False."
            ) from error


def _named(learner: Learner) -> dict[str, tf.Variable]:
    return {f"variable/{n:04d}": variable for n, variable in enumerate(learner.variables())}


def _view(variable: tf.Variable) -> np.ndarray:
    return np.asarray(variable.numpy())
