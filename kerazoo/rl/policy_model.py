"""From the network that an algorithm trains to a model whose highest output is the best action."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from kerazoo.zoo.config import AgentConfig, CategoricalDeepQ


def policy_model(config: AgentConfig, network: keras.Model) -> keras.Model:
    """Observations `(batch, ...)` to scores `(batch, actions)`; shares the network's weights.

    Q-values and logits are scores, means of continuous actions the actions themselves. Of C51 the
    score is the expected return.
    """
    agent = config.reinforcement.agent
    if not isinstance(agent, CategoricalDeepQ):
        return network
    actions, atoms = network.output_shape[1:]
    support = np.linspace(agent.min_value, agent.max_value, atoms, dtype="float32")
    x = layers.Softmax(name="probabilities")(network.output)
    expectation = layers.Dense(1, use_bias=False, trainable=False, name="expected_return")
    x = layers.Reshape((actions,), name="q_values")(expectation(x))
    expectation.set_weights([support[:, None]])
    return keras.Model(network.input, x, name=network.name)
