"""Actors and values in TF-Agents' policy gradient agents."""

import pytest

pytest.importorskip("gymnasium", reason="needs the extra rl")

import keras
import numpy as np
import tensorflow as tf
from tf_agents.agents.ppo.ppo_clip_agent import PPOClipAgent
from tf_agents.agents.reinforce.reinforce_agent import ReinforceAgent
from tf_agents.networks.value_network import ValueNetwork
from tf_agents.specs import BoundedTensorSpec, TensorSpec
from tf_agents.trajectories import StepType, Trajectory, time_step_spec

import kerazoo.rl as rl
from kerazoo.errors import ConfigError

OBSERVATION = TensorSpec((4,), tf.float32)
DISCRETE = BoundedTensorSpec((), tf.int64, 0, 2)
CONTINUOUS = BoundedTensorSpec((2,), tf.float32, -1, 1)


def test_values_are_those_of_tf_agents_own_network(small_model):
    values = rl.KerasValueNetwork(small_model(1), OBSERVATION)
    theirs = ValueNetwork(
        OBSERVATION, fc_layer_params=(8,), activation_fn=tf.keras.activations.relu
    )
    theirs.create_variables()
    for one, two in zip(theirs.variables, values.variables, strict=True):
        one.assign(two)
    observations = tf.random.stateless_normal((6, 4), (0, 0))
    kinds = tf.fill((6,), StepType.MID)
    np.testing.assert_allclose(
        values(observations, kinds)[0], theirs(observations, kinds)[0], rtol=1e-6, atol=1e-6
    )


def test_a_discrete_actor_has_the_softmax_of_the_logits(small_model):
    """TF-Agents' own network of this kind cannot be made with NumPy 2.4."""
    model = small_model(3)
    actor = rl.KerasActorDistributionNetwork(model, OBSERVATION, DISCRETE)
    for lead in ((6,), (6, 2)):
        observations = tf.random.stateless_normal((*lead, 4), (0, 0))
        distribution, _ = actor(observations)
        flat = np.exp(model(tf.reshape(observations, (-1, 4))).numpy().astype("float64"))
        expected = (flat / flat.sum(axis=1, keepdims=True)).reshape(*lead, 3)
        np.testing.assert_allclose(distribution.probs_parameter(), expected, rtol=1e-5)
        assert distribution.dtype == tf.int64


def test_a_continuous_actor_is_normal_around_the_means(small_model):
    model = small_model(2)
    actor = rl.KerasActorDistributionNetwork(model, OBSERVATION, CONTINUOUS, initial_std=0.5)
    observations = tf.random.stateless_normal((6, 4), (0, 0))
    distribution, _ = actor(observations)
    np.testing.assert_allclose(distribution.mean(), model(observations), rtol=1e-6)
    np.testing.assert_allclose(distribution.stddev(), np.full((6, 2), 0.5), rtol=1e-6)
    assert any(v is actor.log_std for v in actor.trainable_variables)
    assert all(v is not actor.log_std for v in actor.copy().trainable_variables)


def test_a_model_of_two_outputs_decides_on_the_deviation_itself(small_model):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, [keras.layers.Dense(2)(inputs), keras.layers.Dense(2)(inputs)])
    actor = rl.KerasActorDistributionNetwork(model, OBSERVATION, CONTINUOUS)
    observations = tf.random.stateless_normal((6, 4), (0, 0))
    means, log_std = model(observations)
    distribution, _ = actor(observations)
    np.testing.assert_allclose(distribution.mean(), means, rtol=1e-6)
    np.testing.assert_allclose(distribution.stddev(), np.exp(log_std), rtol=1e-5)
    assert len(actor.trainable_variables) == 4


@pytest.mark.parametrize(
    ("action", "options", "words"),
    [
        (BoundedTensorSpec((2,), tf.int64, 0, [2, 2]), {}, "one choice, not several"),
        (BoundedTensorSpec((3,), tf.int8, 0, 1), {}, "one choice, not several"),
        (CONTINUOUS, {"initial_std": 0}, "`initial_std` must be .* above 0. Received: 0"),
    ],
)
def test_what_is_no_actor_is_one_clear_error(small_model, action, options, words):
    with pytest.raises(ConfigError, match=words):
        rl.KerasActorDistributionNetwork(small_model(3), OBSERVATION, action, **options)


@pytest.mark.parametrize("action", [DISCRETE, CONTINUOUS])
def test_ppo_raises_the_chance_of_what_was_rewarded(small_model, action):
    keras.utils.set_random_seed(0)
    actor = rl.KerasActorDistributionNetwork(
        small_model(3 if action is DISCRETE else 2), OBSERVATION, action
    )
    agent = PPOClipAgent(
        time_step_spec(OBSERVATION),
        action,
        optimizer=tf.keras.optimizers.Adam(1e-2),
        actor_net=actor,
        value_net=rl.KerasValueNetwork(small_model(1), OBSERVATION),
        num_epochs=10,
        importance_ratio_clipping=0.2,
        normalize_observations=False,
        train_step_counter=tf.Variable(0, dtype=tf.int64),
    )
    agent.initialize()
    observations = tf.random.stateless_normal((1, 40, 4), (0, 1))
    first = tf.nest.map_structure(
        lambda spec: tf.zeros((40, *spec.shape), spec.dtype), time_step_spec(OBSERVATION)
    )._replace(observation=observations[0])
    step = agent.collect_policy.action(first)
    good = step.action == 1 if action is DISCRETE else step.action[:, 0] > 0
    batch = Trajectory(
        step_type=tf.fill((1, 40), StepType.MID),
        observation=observations,
        action=step.action[None],
        policy_info=tf.nest.map_structure(lambda x: x[None], step.info),
        next_step_type=tf.fill((1, 40), StepType.LAST),
        reward=tf.cast(good, tf.float32)[None],
        discount=tf.zeros((1, 40)),
    )
    before = actor(observations[0])[0].log_prob(step.action)
    agent.train(batch)
    change = actor(observations[0])[0].log_prob(step.action) - before
    assert np.mean(change[good]) > np.mean(change[~good])


def test_reinforce_takes_an_actor_and_a_baseline(small_model):
    keras.utils.set_random_seed(0)
    actor = rl.KerasActorDistributionNetwork(small_model(3), OBSERVATION, DISCRETE)
    agent = ReinforceAgent(
        time_step_spec(OBSERVATION),
        DISCRETE,
        actor_network=actor,
        value_network=rl.KerasValueNetwork(small_model(1), OBSERVATION),
        optimizer=tf.keras.optimizers.Adam(1e-2),
        train_step_counter=tf.Variable(0, dtype=tf.int64),
    )
    agent.initialize()
    rng = np.random.default_rng(0)
    actions = rng.integers(0, 3, (4, 10))
    batch = Trajectory(
        step_type=tf.constant([[StepType.FIRST] + [StepType.MID] * 8 + [StepType.LAST]] * 4),
        observation=tf.constant(rng.normal(size=(4, 10, 4)), tf.float32),
        action=tf.constant(actions),
        policy_info=(),
        next_step_type=tf.constant([[StepType.MID] * 8 + [StepType.LAST, StepType.FIRST]] * 4),
        reward=tf.constant(actions == 2, tf.float32),
        discount=tf.constant([[1.0] * 8 + [0.0, 1.0]] * 4),
    )
    probability = actor(batch.observation)[0].probs_parameter()[..., 2]
    for _ in range(20):
        agent.train(batch)
    after = actor(batch.observation)[0].probs_parameter()[..., 2]
    assert np.mean(after) > np.mean(probability)
