"""From the network that an algorithm trains to a model whose highest output is the best action."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from kerazoo.layers._copy_weights import copy_weights
from kerazoo.zoo.agent_config import AgentConfig, CategoricalDeepQ


def policy_model(config: AgentConfig, network: keras.Model) -> keras.Model:
    """Observations `(batch, ...)` to scores `(batch, actions)`; shares the network's weights.

    Q-values and logits are scores, means of continuous actions the actions themselves; of an actor
    that returns its deviations too, the means alone. Of C51 the score is the expected return.
    """
    agent = config.reinforcement.agent
    if isinstance(network.output, list | tuple):
        return keras.Model(network.input, network.output[0], name=network.name)
    if not isinstance(agent, CategoricalDeepQ):
        return network
    actions, atoms = network.output_shape[1:]
    support = np.linspace(agent.min_value, agent.max_value, atoms, dtype="float32")
    x = layers.Softmax(name="probabilities")(network.output)
    x = layers.Reshape((actions * atoms,), name="flat_probabilities")(x)
    expectation = layers.Dense(actions, trainable=False, name="q_values")
    scores = expectation(x)
    kernel = np.kron(np.eye(actions, dtype="float32"), support[:, None])
    expectation.set_weights([kernel, np.zeros(actions, "float32")])
    return keras.Model(network.input, scores, name=network.name)


def with_centred_scores(model: keras.Model) -> keras.Model:
    """A copy whose scores have mean 0 over the actions, where its last layer is a dense one.

    The order of the actions stays. Q-values are often large and close to each other: CartPole's
    are up to 90, and 0.1 apart. In 8 bits they would be equal; their differences are not.
    """
    copy = keras.models.clone_model(model)
    copy_weights(model, copy)
    head = copy.layers[-1]
    if isinstance(head, layers.Dense) and head.activation is keras.activations.linear:
        kernel, bias = head.get_weights()
        head.set_weights([kernel - kernel.mean(axis=1, keepdims=True), bias - bias.mean()])
    return copy
