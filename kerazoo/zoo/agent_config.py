"""What a zoo config of an agent may say, which learns by reinforcement instead of from data.

As config.py, whose sections `model`, `export`, `weights` and `card` mean the same here.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kerazoo.zoo.config import (
    Card,
    Count,
    Export,
    Model,
    Name,
    Positive,
    Section,
    Weights,
    ZooConfig,
)


class Environment(Section):
    """Where an agent acts: a Gymnasium environment by name, `batch` of them side by side.

    `time_limit`: steps after which an episode is truncated, instead of the registered limit.
    `frame_stack`: observations are the last so many frames.
    """

    name: str
    batch: Count = 1
    time_limit: Count | None = None
    frame_stack: Count | None = None


class Exploration(Section):
    """Random actions: a share of all, linear from `start` to `final` over `steps` steps."""

    steps: Count
    start: Annotated[float, Meta(ge=0, le=1)] = 1.0
    final: Annotated[float, Meta(ge=0, le=1)] = 0.05


class DeepQ(Section, tag_field="algorithm", tag="dqn"):
    """Q-learning from a replay buffer (Mnih et al. 2015); the model gives Q-values.

    `replay_capacity`: transitions; `learning_starts`: steps before the first update.
    `collect_steps`: steps of all environments together between two rounds of `updates`.
    `target_update_period`: updates between two copies to the target network.
    """

    batch_size: Count
    replay_capacity: Count
    collect_steps: Count
    updates: Count
    exploration: Exploration
    learning_starts: Count = 1000
    target_update_period: Count = 1
    target_update_tau: Annotated[float, Meta(gt=0, le=1)] = 1.0
    discount: Annotated[float, Meta(ge=0, le=1)] = 0.99
    gradient_clipping: Positive | None = None


class DoubleDeepQ(DeepQ, tag_field="algorithm", tag="ddqn"):
    """Double Q-learning (van Hasselt et al. 2016): the network chooses, its target judges."""


class CategoricalDeepQ(DeepQ, tag_field="algorithm", tag="c51"):
    """Distributional Q-learning (Bellemare et al. 2017): the model gives logits over atoms.

    `min_value`, `max_value`: the returns that the first and the last atom stand for.
    """

    min_value: float = -10.0
    max_value: float = 10.0


class Reinforce(Section, tag_field="algorithm", tag="reinforce"):
    """Policy gradient on whole episodes (Williams 1992); the model is the actor.

    Each update is on the episodes that the environments are in, run to their ends.
    `value_model`: with it, values are a baseline, learned at `value_coefficient` of the loss.
    """

    discount: Annotated[float, Meta(ge=0, le=1)] = 0.99
    value_model: Model | None = None
    value_coefficient: Positive = 0.5
    entropy: Annotated[float, Meta(ge=0)] = 0.0
    gradient_clipping: Positive | None = None


class ProximalPolicy(Section, tag_field="algorithm", tag="ppo"):
    """Clipped policy gradient, PPO (Schulman et al. 2017); the model is the actor.

    `collect_steps`: steps of each environment per round; then `epochs` passes over them.
    `initial_std`: of continuous actions.
    """

    collect_steps: Count
    batch_size: Count
    epochs: Count
    value_model: Model
    discount: Annotated[float, Meta(ge=0, le=1)] = 0.99
    gae_lambda: Annotated[float, Meta(ge=0, le=1)] = 0.95
    clip: Positive = 0.2
    value_coefficient: Positive = 0.5
    entropy: Annotated[float, Meta(ge=0)] = 0.0
    gradient_clipping: Positive = 0.5
    initial_std: Positive = 1.0


class AgentOptimizer(Section):
    """Adam. `decay` "linear": the learning rate falls to 0 at the last step."""

    learning_rate: Positive
    decay: Literal["none", "linear"] = "none"
    epsilon: Positive = 1e-7


class AgentEvaluation(Section):
    """`episodes` greedy ones every so many steps, on environments of their own; the best is kept.

    Two or more, for the standard error of their mean. `solved`: the mean return at which the
    training ends early.
    """

    every: Count
    episodes: Annotated[int, Meta(ge=2)] = 20
    solved: float | None = None


class Reinforcement(Section):
    """How an agent is trained.

    `steps`: of all environments together. `checkpoint_every`: steps; None: at each evaluation.
    """

    environment: Environment
    agent: DeepQ | DoubleDeepQ | CategoricalDeepQ | Reinforce | ProximalPolicy
    optimizer: AgentOptimizer
    steps: Count
    evaluation: AgentEvaluation
    checkpoint_every: Count | None = None
    seed: Annotated[int, Meta(ge=0, lt=2**31)] = 0


class AgentConfig(Section, kw_only=True):
    """A whole config of an agent that learns by reinforcement, `kerazoo.rl`."""

    name: Name
    task: Annotated[str, Meta(pattern=r"^[a-z0-9-]+$")]
    summary: str
    model: Model
    reinforcement: Reinforcement
    export: Export = Export()
    weights: dict[str, Weights] = msgspec.field(default_factory=dict)
    card: Card


AnyConfig = ZooConfig | AgentConfig
"""What a file of the zoo may hold; the section `reinforcement` tells which."""
