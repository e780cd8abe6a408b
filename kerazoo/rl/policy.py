"""What an agent has learned, acting on NumPy arrays: no TF-Agents, and no chance."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import gymnasium
import keras
import numpy as np

from kerazoo.errors import ConfigError, DataError


class Policy:
    """The greedy action for an observation.

    Of discrete actions the one with the highest score (the first of equals), counted from the
    space's start; of continuous ones the scores themselves, clipped to the space's bounds.

    Args:
        scores: a Keras model, or another function from observations `(batch, ...)` to scores
            `(batch, actions)`, such as a loaded `.tflite` file's `predict`.
        action_space: Gymnasium's, discrete or a box.

    Raises:
        ConfigError: another kind of action space.
        DataError: in a call: scores of another shape than the actions.

    >>> import gymnasium, numpy as np
    >>> policy = kerazoo.rl.Policy(lambda x: x[:, :2], gymnasium.spaces.Discrete(2))
    >>> int(policy(np.array([0.0, 1.0, 0.0, 0.0])))
    1
    """

    def __init__(self, scores: Callable[[Any], Any], action_space: gymnasium.Space):
        if not isinstance(action_space, gymnasium.spaces.Discrete | gymnasium.spaces.Box):
            raise ConfigError(f"A policy acts in a discrete space or a box, not in {action_space}.")
        self.action_space = action_space
        self.scores = _compiled(scores) if isinstance(scores, keras.Model) else scores

    def __call__(self, observation: Any) -> Any:
        """The action for one observation, in the form that `environment.step` takes."""
        return self.batch(_with_batch(observation))[0]

    def batch(self, observations: Any) -> np.ndarray:
        """The actions for `(batch, ...)` observations."""
        scores, space = np.asarray(self.scores(observations)), self.action_space
        is_choice = isinstance(space, gymnasium.spaces.Discrete)
        shape = (_length(observations), *([int(space.n)] if is_choice else space.shape))
        # Those of a box may come without its inner axes.
        if scores.shape != shape and (is_choice or scores.size != np.prod(shape)):
            raise DataError(f"The scores have shape {scores.shape}; the actions have {shape}.")
        if is_choice:
            return space.start + np.argmax(scores, axis=-1)
        return np.clip(scores.reshape(shape), space.low, space.high)


def tflite_policy(path: str | os.PathLike[str], action_space: gymnasium.Space) -> Policy:
    """The policy of an exported file. Raises as `kerazoo.load_tflite`."""
    from kerazoo.exporters import load_tflite

    return Policy(load_tflite(path).predict, action_space)


def _compiled(model: keras.Model) -> Callable[[Any], np.ndarray]:
    import tensorflow as tf

    run = tf.function(lambda x: model(x, training=False), autograph=False, reduce_retracing=True)
    return lambda observations: run(
        tf.nest.map_structure(tf.convert_to_tensor, observations)
    ).numpy()


def _length(observations: Any) -> int:
    """How many there are."""
    if isinstance(observations, dict):
        return _length(next(iter(observations.values())))
    return _length(observations[0]) if isinstance(observations, tuple) else len(observations)


def _with_batch(observation: Any) -> Any:
    if isinstance(observation, dict):
        return {key: _with_batch(part) for key, part in observation.items()}
    if isinstance(observation, tuple):
        return tuple(_with_batch(part) for part in observation)
    return np.asarray(observation)[None]
