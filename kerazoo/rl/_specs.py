"""From Gymnasium's spaces to TF-Agents' specs."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from tf_agents.specs import array_spec

from kerazoo.errors import ConfigError


def spec_of(space: spaces.Space, name: str) -> Any:
    """The spec, or the nest of specs, of what `space` holds.

    A box without finite bounds everywhere becomes a spec without bounds. Discrete values count
    from 0, whatever the space's own `start`.

    Raises:
        ConfigError: a kind of space that TF-Agents has no spec for, such as text or graphs.
    """
    if isinstance(space, spaces.Dict):
        return {key: spec_of(part, f"{name}_{key}") for key, part in space.spaces.items()}
    if isinstance(space, spaces.Tuple):
        return tuple(spec_of(part, f"{name}_{n}") for n, part in enumerate(space.spaces))
    if isinstance(space, spaces.Discrete):
        return array_spec.BoundedArraySpec((), np.int64, 0, int(space.n) - 1, name)
    if isinstance(space, spaces.MultiDiscrete):
        return array_spec.BoundedArraySpec(space.shape, np.int64, 0, space.nvec - 1, name)
    if isinstance(space, spaces.MultiBinary):
        return array_spec.BoundedArraySpec(space.shape, np.int8, 0, 1, name)
    if not isinstance(space, spaces.Box):
        raise ConfigError(f"kerazoo.rl has no form for the {name} space {space}.")
    if not space.is_bounded():
        return array_spec.ArraySpec(space.shape, space.dtype, name)
    return array_spec.BoundedArraySpec(space.shape, space.dtype, space.low, space.high, name)


def offset_of(space: spaces.Space) -> Any:
    """What is added to discrete values that count from 0: a number, or one for each of several."""
    return space.start if isinstance(space, spaces.Discrete | spaces.MultiDiscrete) else 0


def in_space(space: spaces.Space, action: Any) -> Any:
    """An action by its spec as `space` has it: counted from its start, or clipped to its bounds."""
    if isinstance(space, spaces.Dict):
        return {key: in_space(part, action[key]) for key, part in space.spaces.items()}
    if isinstance(space, spaces.Tuple):
        return tuple(in_space(*pair) for pair in zip(space.spaces, action, strict=True))
    if isinstance(space, spaces.Box):
        return np.clip(action, space.low, space.high)
    offset = offset_of(space)
    return action + offset if np.any(offset) else action
