"""Observations with mean 0 and standard deviation 1, by what was seen so far."""

from __future__ import annotations

import gymnasium
import keras
import numpy as np
from tf_agents.specs import array_spec

from kerazoo.errors import ConfigError


class RunningNormalization:
    """(x - mean) / sqrt(variance + epsilon), clipped to -limit..limit, per element.

    Mean and variance are those of all observations of all environments of a batch that were seen
    (Chan, Golub, LeVeque 1983's update). One object may be given to several environments; `frozen`
    stops the learning, for evaluation.

    Args:
        limit: above 0.
        epsilon: above 0, added to the variance.

    Attributes:
        count: observations seen so far.
        mean, variance: of each element of an observation, float64.
        frozen: whether it has stopped learning.

    Raises: ConfigError where it is given to an environment whose observations are no box.

    >>> import numpy as np
    >>> normalization = kerazoo.rl.RunningNormalization()
    >>> normalization.update(np.array([[1.0], [3.0]]))
    >>> normalization.normalize(np.array([[3.0]])).round(4)
    array([[1.]], dtype=float32)
    """

    def __init__(self, *, limit: float = 10.0, epsilon: float = 1e-8):
        self.limit, self.epsilon = limit, epsilon
        self.count = 0
        self.mean: np.ndarray = np.zeros(())
        self.variance: np.ndarray = np.ones(())
        self.frozen = False

    def update(self, observations: np.ndarray) -> None:
        """Learn from `(batch, ...)`; nothing where `frozen`."""
        if self.frozen:
            return
        batch = np.asarray(observations, np.float64)
        size, mean, variance = len(batch), batch.mean(axis=0), batch.var(axis=0)
        total = self.count + size
        difference = mean - self.mean
        squares = self.variance * self.count + variance * size
        squares = squares + difference**2 * self.count * size / total
        self.mean = self.mean + difference * size / total
        self.variance, self.count = squares / total, total

    def normalize(self, observations: np.ndarray) -> np.ndarray:
        """`(batch, ...)` to float32 of the same shape."""
        scaled = (observations - self.mean) / np.sqrt(self.variance + self.epsilon)
        return np.clip(scaled, -self.limit, self.limit).astype(np.float32)

    def get_state(self) -> dict[str, np.ndarray]:
        """What was learned so far."""
        return {
            "count": np.array(self.count, np.int64),
            "mean": np.array(self.mean),
            "variance": np.array(self.variance),
        }

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        """Go on from what a `get_state` gave."""
        self.count = int(state["count"])
        self.mean, self.variance = np.array(state["mean"]), np.array(state["variance"])

    def layer(self) -> keras.layers.Layer:
        """The same for a model that is to take raw observations, such as an exported policy.
        Without the limit: it is for outliers while the statistics are young."""
        axes = tuple(range(1, self.mean.ndim + 1)) or None  # each element has numbers of its own
        return keras.layers.Normalization(
            axis=axes, mean=self.mean, variance=self.variance + self.epsilon
        )

    def spec_of(self, space: gymnasium.Space) -> array_spec.ArraySpec:
        """Of a normalized observation. Raises `ConfigError` for anything but a box."""
        if not isinstance(space, gymnasium.spaces.Box):
            raise ConfigError(f"Only a box can be normalized. Received: {space}.")
        return array_spec.BoundedArraySpec(
            space.shape, np.float32, -self.limit, self.limit, "observation"
        )
