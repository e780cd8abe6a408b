"""The parts of a round: what is kept, what is drawn, and what it counts for."""

import pytest

pytest.importorskip("gymnasium", reason="needs the extra rl")

import numpy as np
import tensorflow as tf
from tf_agents.trajectories import PolicyStep, StepType

import kerazoo.rl as rl
from kerazoo.rl.advantages import generalized_advantages
from kerazoo.rl.collector import Collector
from kerazoo.rl.replay_buffer import ReplayBuffer


@pytest.fixture
def collector():
    """Acts at random in three CartPoles, whose episodes are cut after 15 steps."""
    environment = rl.gymnasium_environment("CartPole-v1", batch=3, time_limit=15)

    def act(time_step, seed):
        return PolicyStep(tf.random.stateless_uniform((3,), seed, maxval=2, dtype=tf.int64), (), ())

    return Collector(environment, act, seed=0)


def test_what_is_collected_is_what_happened(collector):
    environment = collector.environment
    start = environment.reset()
    collect = tf.function(collector.collect, autograph=False)
    experience, after = collect(start, 40)
    assert int(collector.steps) == 120
    again = rl.gymnasium_environment("CartPole-v1", batch=3, time_limit=15).pyenv
    step = again.reset()
    for time in range(40):
        np.testing.assert_array_equal(experience.observation[time], step.observation)
        np.testing.assert_array_equal(experience.step_type[time], step.step_type)
        step = again.step(experience.action[time].numpy())
        np.testing.assert_array_equal(experience.reward[time], step.reward)
        np.testing.assert_array_equal(experience.discount[time], step.discount)
        np.testing.assert_array_equal(experience.next_step_type[time], step.step_type)
    np.testing.assert_array_equal(after.observation, step.observation)


def test_chance_goes_on_where_the_count_of_steps_is(collector):
    start = collector.environment.reset()
    whole, _ = collector.collect(start, 20)
    collector.environment.pyenv.seed(0)
    collector.steps.assign(0)
    start = collector.environment.reset()
    first, middle = collector.collect(start, 8)
    second, _ = collector.collect(middle, 12)
    np.testing.assert_array_equal(whole.action, np.concatenate([first.action, second.action]))


def test_the_buffer_keeps_transitions_and_no_step_between_episodes(collector):
    environment = collector.environment
    buffer = ReplayBuffer(environment.time_step_spec(), environment.action_spec(), 1000)
    experience, after = collector.collect(environment.reset(), 60)
    buffer.add(experience, after)
    between = np.count_nonzero(experience.step_type == StepType.LAST)
    assert between > 3
    assert int(buffer.size()) == 180 - between
    observations = np.concatenate([experience.observation, after.observation[None]])
    expected = {}
    for time in range(60):
        for number in range(3):
            if experience.step_type[time, number] != StepType.LAST:
                key = tuple(observations[time, number])
                expected[key] = (
                    *observations[time + 1, number],
                    int(experience.action[time, number]),
                    float(experience.reward[time, number]),
                    float(experience.discount[time, number]),
                )
    sample = buffer.sample((20, 50), tf.constant([1, 2]))
    assert sample.observation.shape == (20, 50, 2, 4)
    flat = tf.nest.map_structure(lambda x: x.numpy().reshape(1000, *x.shape[2:]), sample)
    seen = set()
    for row in range(1000):
        key = tuple(flat.observation[row, 0])
        found = (*flat.observation[row, 1], flat.action[row, 0], flat.reward[row, 0])
        assert (*found, flat.discount[row, 0]) == expected[key]
        seen.add(key)
    assert len(seen) > 0.95 * len(expected)
    truncated = (experience.next_step_type == StepType.LAST) & (experience.discount == 1)
    assert np.any(truncated)  # such a transition is kept with discount 1: it bootstraps


def test_a_full_buffer_forgets_the_oldest(collector):
    environment = collector.environment
    buffer = ReplayBuffer(environment.time_step_spec(), environment.action_spec(), 50)
    start = environment.reset()
    for _ in range(10):
        experience, start = collector.collect(start, 10)
        buffer.add(experience, start)
    assert int(buffer.size()) == 50
    drawn = buffer.sample((2000,), tf.constant([1, 2])).observation[:, 0].numpy()
    assert len(np.unique(drawn, axis=0)) == 50
    valid = experience.step_type.numpy() != StepType.LAST
    newest = {tuple(row) for row in experience.observation.numpy()[valid]}
    assert newest <= {tuple(row) for row in drawn}


def test_draws_depend_on_the_seed_alone(collector):
    environment = collector.environment
    buffer = ReplayBuffer(environment.time_step_spec(), environment.action_spec(), 200)
    experience, after = collector.collect(environment.reset(), 50)
    buffer.add(experience, after)
    one, two, three = (
        buffer.sample((30,), tf.constant(seed)).observation for seed in ([1, 2], [1, 2], [1, 3])
    )
    np.testing.assert_array_equal(one, two)
    assert np.any(one != three)


def test_advantages_are_those_of_their_definition():
    rng = np.random.default_rng(0)
    time, batch, discount, gae_lambda = 25, 4, 0.9, 0.8
    rewards = rng.normal(size=(time, batch))
    values = rng.normal(size=(time + 1, batch))
    ends = rng.random((time, batch)) < 0.2
    discounts = np.where(ends & (rng.random((time, batch)) < 0.5), 0.0, 1.0)
    assert np.any(ends & (discounts == 1))  # truncated ones
    found = generalized_advantages(
        *(tf.constant(x, tf.float32) for x in (rewards, discounts)),
        tf.constant(ends),
        tf.constant(values, tf.float32),
        discount=discount,
        gae_lambda=gae_lambda,
    )
    for number in range(batch):
        for start in range(time):
            total, weight = 0.0, 1.0
            for t in range(start, time):
                after = discount * discounts[t, number] * values[t + 1, number]
                total += weight * (rewards[t, number] + after - values[t, number])
                if ends[t, number]:
                    break
                weight *= discount * gae_lambda
            assert float(found[start, number]) == pytest.approx(total, abs=1e-5)
