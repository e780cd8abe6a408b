"""KerasNetwork beside TF-Agents' own networks, with the same weights: the same numbers."""

import pytest

pytest.importorskip("gymnasium", reason="needs the extra rl")

import keras
import numpy as np
import tensorflow as tf
from tf_agents.agents.categorical_dqn.categorical_dqn_agent import CategoricalDqnAgent
from tf_agents.agents.dqn.dqn_agent import DdqnAgent, DqnAgent
from tf_agents.networks.categorical_q_network import CategoricalQNetwork
from tf_agents.networks.q_network import QNetwork
from tf_agents.specs import BoundedTensorSpec, TensorSpec
from tf_agents.trajectories import StepType, Trajectory, time_step_spec

import kerazoo.rl as rl
from kerazoo.errors import ConfigError

OBSERVATION = TensorSpec((4,), tf.float32)
ACTION = BoundedTensorSpec((), tf.int64, 0, 1)


def mlp(outputs=2, shape=None):
    inputs = keras.Input((4,))
    x = keras.layers.Dense(100, activation="relu")(inputs)
    x = keras.layers.Dense(50, activation="relu")(x)
    x = keras.layers.Dense(outputs)(x)
    return keras.Model(inputs, keras.layers.Reshape(shape)(x) if shape else x)


def experience(batch=64, time=2, seed=0):
    """Random steps, ends of episodes among them."""
    rng = np.random.default_rng(seed)
    kinds = rng.choice([StepType.FIRST, StepType.MID, StepType.LAST], (batch, time + 1))
    return Trajectory(
        step_type=tf.constant(kinds[:, :-1], tf.int32),
        observation=tf.constant(rng.normal(size=(batch, time, 4)), tf.float32),
        action=tf.constant(rng.integers(0, 2, (batch, time))),
        policy_info=(),
        next_step_type=tf.constant(kinds[:, 1:], tf.int32),
        reward=tf.constant(rng.normal(size=(batch, time)), tf.float32),
        discount=tf.constant(rng.integers(0, 2, (batch, time)), tf.float32),
    )


def make_agent(kind, network, **options):
    agent = kind(
        time_step_spec(OBSERVATION),
        ACTION,
        network,
        optimizer=tf.keras.optimizers.Adam(1e-2),
        gamma=0.9,
        train_step_counter=tf.Variable(0, dtype=tf.int64),
        **options,
    )
    agent.initialize()
    return agent


def both(kind):
    """An agent around a Keras 3 model, and one around TF-Agents' own network."""
    keras.utils.set_random_seed(0)
    if kind is CategoricalDqnAgent:
        ours = rl.KerasCategoricalQNetwork(mlp(2 * 51, (2, 51)), OBSERVATION)
        theirs = CategoricalQNetwork(OBSERVATION, ACTION, 51, fc_layer_params=(100, 50))
    else:
        ours = rl.KerasNetwork(mlp(), OBSERVATION)
        theirs = QNetwork(OBSERVATION, ACTION, fc_layer_params=(100, 50))
    theirs.create_variables()
    for one, other in zip(theirs.variables, ours.variables, strict=True):
        one.assign(other)
    return make_agent(kind, ours), make_agent(kind, theirs)


def networks(agent):
    return agent._q_network, agent._target_q_network


@pytest.mark.parametrize("kind", [DqnAgent, DdqnAgent, CategoricalDqnAgent])
def test_numbers_are_those_of_tf_agents_own_network(kind):
    ours, theirs = both(kind)
    batch = experience()
    values = [networks(agent)[0](batch.observation[:, 0])[0] for agent in (ours, theirs)]
    np.testing.assert_allclose(*values, rtol=1e-6, atol=1e-6)
    gradients = []
    for agent in (ours, theirs):
        with tf.GradientTape() as tape:
            loss = agent._loss(batch, training=True).loss
        gradients.append([loss, *tape.gradient(loss, networks(agent)[0].trainable_variables)])
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)
    losses = [agent.train(batch).loss for agent in (ours, theirs)]
    np.testing.assert_allclose(*losses, rtol=1e-6)
    for kept, other in zip(networks(ours), networks(theirs), strict=True):
        for one, two in zip(kept.variables, other.variables, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-6)


def test_the_target_network_has_variables_of_its_own_and_follows():
    network = rl.KerasNetwork(mlp(), OBSERVATION)
    agent = make_agent(DqnAgent, network, target_update_period=2)
    target = agent._target_q_network
    assert not {id(v) for v in target.variables} & {id(v) for v in network.variables}
    start = [v.numpy() for v in network.variables]
    agent.train(experience())
    for variable, value in zip(target.variables, start, strict=True):
        np.testing.assert_array_equal(variable, value)
    agent.train(experience(seed=1))
    for variable, other in zip(target.variables, network.variables, strict=True):
        np.testing.assert_array_equal(variable, other)


def test_a_copy_of_a_model_and_of_a_builder_has_fresh_weights():
    for source in (mlp(), mlp):
        network = rl.KerasNetwork(source, OBSERVATION)
        copy = network.copy(name="Copy")
        assert copy.name == "Copy"
        assert np.any(copy.variables[0].numpy() != network.variables[0].numpy())


def test_checkpoints_hold_an_agent(tmp_path):
    agent = make_agent(DqnAgent, rl.KerasNetwork(mlp(), OBSERVATION))
    agent.train(experience())
    path = tf.train.Checkpoint(agent=agent).save(tmp_path / "agent")
    other = make_agent(DqnAgent, rl.KerasNetwork(mlp(), OBSERVATION))
    tf.train.Checkpoint(agent=other).restore(path).assert_existing_objects_matched()
    assert int(other.train_step_counter) == 1
    for one, two in zip(agent.variables, other.variables, strict=True):
        np.testing.assert_array_equal(one, two)
    for agent_now in (agent, other):  # the optimizer's state came along
        agent_now.train(experience(seed=1))
    for one, two in zip(agent.variables, other.variables, strict=True):
        np.testing.assert_array_equal(one, two)


def test_training_is_passed_on_and_statistics_are_no_trainable_variables():
    inputs = keras.Input((4,))
    x = keras.layers.BatchNormalization()(inputs)
    x = keras.layers.Dropout(0.5, seed=0)(x)
    network = rl.KerasNetwork(keras.Model(inputs, keras.layers.Dense(2)(x)), OBSERVATION)
    observations = tf.random.stateless_normal((32, 4), (0, 0))
    still = [network(observations, training=False)[0] for _ in range(2)]
    np.testing.assert_array_equal(*still)
    assert np.any(network(observations, training=True)[0] != still[0])
    assert len(network.trainable_variables) == 4
    agent = make_agent(DqnAgent, network)
    moving = network.model.layers[1].moving_mean.numpy()
    agent.train(experience())
    assert np.any(network.model.layers[1].moving_mean.numpy() != moving)


def test_a_frozen_layer_stays_and_its_regularization_counts():
    inputs = keras.Input((4,))
    x = keras.layers.Dense(8, kernel_regularizer=keras.regularizers.L2(0.1))(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    network = rl.KerasNetwork(model, OBSERVATION)
    kernel = model.layers[1].kernel.numpy()
    assert float(sum(network.losses)) == pytest.approx(0.1 * np.sum(kernel**2), rel=1e-5)
    model.layers[1].trainable = False
    agent = make_agent(DqnAgent, network)
    agent.train(experience())
    np.testing.assert_array_equal(model.layers[1].kernel.numpy(), kernel)


def test_nested_observations_reach_the_model_in_their_structure():
    spec = {"image": TensorSpec((8, 8, 1), tf.uint8), "speed": TensorSpec((2,), tf.float32)}
    image, speed = keras.Input((8, 8, 1), name="image"), keras.Input((2,), name="speed")
    pixels = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    both_parts = keras.layers.Concatenate()([pixels, speed])
    model = keras.Model({"image": image, "speed": speed}, keras.layers.Dense(3)(both_parts))
    network = rl.KerasNetwork(model, spec)
    for lead in ((5,), (5, 7)):
        observation = {
            "image": tf.fill((*lead, 8, 8, 1), tf.constant(9, tf.uint8)),
            "speed": tf.ones((*lead, 2)),
        }
        assert network(observation)[0].shape == (*lead, 3)


def recurrent(units=5):
    """One time step of an Elman network: h' = tanh(x W + h U), q = h' V."""
    observation, state = keras.Input((4,)), keras.Input((units,))
    inside = keras.layers.Dense(units, name="in")(observation)
    inside = inside + keras.layers.Dense(units, use_bias=False, name="again")(state)
    after = keras.layers.Activation("tanh")(inside)
    return keras.Model(
        {"observation": observation, "state": state},
        {"output": keras.layers.Dense(2, name="out")(after), "state": after},
    )


def test_state_is_carried_through_time_and_starts_anew_with_each_episode():
    network = rl.KerasNetwork(recurrent(), OBSERVATION)
    model = network.model
    rng = np.random.default_rng(0)
    observations = rng.normal(size=(3, 6, 4)).astype("float32")
    kinds = np.full((3, 6), StepType.MID, np.int32)
    kinds[:, 0] = kinds[1, 4] = StepType.FIRST
    outputs, last = network(tf.constant(observations), tf.constant(kinds))
    w, u, v = (model.get_layer(name).get_weights() for name in ("in", "again", "out"))
    state = np.zeros((3, 5))
    for time in range(6):
        state[kinds[:, time] == StepType.FIRST] = 0
        state = np.tanh(observations[:, time] @ w[0] + w[1] + state @ u[0])
        np.testing.assert_allclose(outputs[:, time], state @ v[0] + v[1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(last, state, rtol=1e-4, atol=1e-5)
    one_by_one = network.get_initial_state(3)
    for time in range(6):
        now, one_by_one = network(
            tf.constant(observations[:, time]), tf.constant(kinds[:, time]), one_by_one
        )
    np.testing.assert_allclose(now, outputs[:, -1], rtol=1e-5, atol=1e-6)


def test_an_agent_trains_a_recurrent_network_on_sequences():
    agent = make_agent(DqnAgent, rl.KerasNetwork(recurrent(), OBSERVATION))
    batch, train = experience(8, 5), tf.function(agent.train, autograph=False)
    losses = [float(train(batch).loss) for _ in range(30)]
    assert losses[-1] < losses[0]
    policy_state = agent.policy.get_initial_state(3)
    step = agent.policy.action(
        tf.nest.map_structure(
            lambda spec: tf.zeros((3, *spec.shape), spec.dtype), time_step_spec(OBSERVATION)
        ),
        policy_state,
    )
    assert step.action.shape == (3,)
    assert np.any(step.state.numpy() != 0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: rl.KerasNetwork(tf.keras.Sequential(), OBSERVATION), "keras.Model of Keras 3"),
        (lambda: rl.KerasNetwork(lambda: 3, OBSERVATION), "Received: builtins.int"),
        (
            lambda: rl.KerasNetwork(mlp(), TensorSpec((5,), tf.float32)),
            "does not take observations",
        ),
        (lambda: rl.KerasValueNetwork(mlp(2), OBSERVATION), r"\(batch, 1\)"),
        (lambda: rl.KerasCategoricalQNetwork(mlp(2), OBSERVATION), "actions, atoms"),
        (
            lambda: rl.KerasActorDistributionNetwork(mlp(3), OBSERVATION, ACTION),
            r"logits \(batch, 2\)",
        ),
        (
            lambda: rl.KerasActorDistributionNetwork(
                mlp(3), OBSERVATION, BoundedTensorSpec((2,), tf.float32, -1, 1)
            ),
            r"means \(batch, 2\)",
        ),
    ],
)
def test_a_model_that_does_not_fit_is_one_clear_error(make, words):
    with pytest.raises(ConfigError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)
