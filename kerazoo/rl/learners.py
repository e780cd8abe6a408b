"""Which learner a recipe asks for."""

from __future__ import annotations

import keras
from tf_agents.environments import tf_environment

from kerazoo.errors import ConfigError
from kerazoo.rl.deep_q_learner import DeepQLearner
from kerazoo.rl.learner import Learner
from kerazoo.rl.proximal_policy_learner import ProximalPolicyLearner
from kerazoo.rl.reinforce_learner import ReinforceLearner
from kerazoo.zoo.agent_config import DeepQ, ProximalPolicy, Reinforcement


def make_learner(
    model: keras.Model,
    recipe: Reinforcement,
    environment: tf_environment.TFEnvironment,
    *,
    seed: int,
) -> Learner:
    """The learner of `recipe.agent` around `model`.

    Raises:
        ConfigError: the algorithm has no such actions, or the model does not fit.
    """
    spec = environment.action_spec()
    is_q = isinstance(recipe.agent, DeepQ)
    single_choice = (
        not isinstance(spec, dict | tuple) and spec.dtype.is_integer and spec.shape.rank == 0
    )
    if is_q and not single_choice:
        raise ConfigError(
            f"Q-learning needs one discrete action; {recipe.environment.name} has {spec}. Use ppo."
        )
    if is_q:
        return DeepQLearner(model, recipe, environment, seed=seed)
    if isinstance(recipe.agent, ProximalPolicy):
        return ProximalPolicyLearner(model, recipe, environment, seed=seed)
    return ReinforceLearner(model, recipe, environment, seed=seed)
