"""Gymnasium's episodes in TF-Agents' form: the same numbers, and truncation apart from the end."""

import pytest

pytest.importorskip("gymnasium", reason="needs the extra rl")

import gymnasium
import numpy as np
from gymnasium import spaces
from tf_agents.environments import utils
from tf_agents.trajectories import StepType

import kerazoo.rl as rl
from kerazoo.errors import ConfigError, UnknownNameError


def first_seed(seed, number, episode):
    """How the docstring says that episodes are seeded."""
    return int(np.random.SeedSequence((seed, number, episode)).generate_state(1)[0])


@pytest.mark.parametrize("name", ["CartPole-v1", "Acrobot-v1", "Pendulum-v1"])
def test_a_batch_steps_as_gymnasium_does(name):
    batch = rl.gymnasium_environment(name, batch=3, seed=5, time_limit=30).pyenv
    alone = [gymnasium.make(name, max_episode_steps=30) for _ in range(3)]
    episodes = [0, 0, 0]
    observations = [e.reset(seed=first_seed(5, n, 0))[0] for n, e in enumerate(alone)]
    step = batch.reset()
    over = [False] * 3
    for number, environment in enumerate(alone):
        environment.action_space.seed(number)
    for _ in range(80):
        np.testing.assert_array_equal(step.observation, observations)
        actions = [e.action_space.sample() for e in alone]
        step = batch.step(np.stack(actions))
        for number, environment in enumerate(alone):
            if over[number]:
                episodes[number] += 1
                seed = first_seed(5, number, episodes[number])
                observations[number], over[number] = environment.reset(seed=seed)[0], False
                assert step.step_type[number] == StepType.FIRST
                continue
            found = environment.step(actions[number])
            observations[number], reward, terminated, truncated, _ = found
            over[number] = terminated or truncated
            assert step.reward[number] == np.float32(reward)
            assert step.discount[number] == (0.0 if terminated else 1.0)
            assert step.step_type[number] == (StepType.LAST if over[number] else StepType.MID)
    assert min(episodes) >= 1


def test_a_truncated_episode_has_a_value_after_it_and_a_terminated_one_has_not():
    truncated = rl.gymnasium_environment("Pendulum-v1", time_limit=2).pyenv
    truncated.reset()
    steps = [truncated.step(np.zeros((1, 1), "float32")) for _ in range(2)]
    assert steps[1].is_last()
    assert steps[1].discount == 1.0
    terminated = rl.gymnasium_environment("CartPole-v1").pyenv
    step = terminated.reset()
    while not step.is_last():
        step = terminated.step(np.zeros(1, np.int64))
    assert step.discount == 0.0
    assert terminated.finished == [
        (float(len(terminated._actions[0])), len(terminated._actions[0]))
    ]


def test_tf_agents_own_check_passes():
    for name in ("CartPole-v1", "Pendulum-v1"):
        utils.validate_py_environment(rl.gymnasium_environment(name).pyenv, episodes=2)


def test_seeds_decide():
    def look(seed):
        environment = rl.gymnasium_environment("CartPole-v1", batch=2, seed=seed).pyenv
        return np.concatenate([environment.reset().observation, environment.reset().observation])

    np.testing.assert_array_equal(look(3), look(3))
    assert len(np.unique(np.concatenate([look(3), look(4)]), axis=0)) == 8


def test_its_state_leads_back_to_where_it_was():
    make = lambda: rl.gymnasium_environment("CartPole-v1", batch=4, seed=1).pyenv  # noqa: E731
    environment, other = make(), make()
    environment.reset()
    rng = np.random.default_rng(0)
    for _ in range(60):
        environment.step(rng.integers(0, 2, 4))
    other.set_state(environment.get_state())
    for _ in range(60):
        actions = rng.integers(0, 2, 4)
        one, two = environment.step(actions), other.step(actions)
        np.testing.assert_array_equal(one.observation, two.observation)
        np.testing.assert_array_equal(one.step_type, two.step_type)


def test_its_state_has_what_the_normalization_has_learned(tmp_path):
    def make():
        normalization = rl.RunningNormalization()
        return rl.gymnasium_environment(
            "CartPole-v1", batch=4, seed=1, normalization=normalization
        ).pyenv

    environment, other, older = make(), make(), make()
    environment.reset()
    rng = np.random.default_rng(0)
    for _ in range(60):
        last = environment.step(rng.integers(0, 2, 4))
    state = environment.get_state()
    other.set_state(state)
    np.testing.assert_array_equal(other.current_time_step().observation, last.observation)
    for _ in range(10):
        actions = rng.integers(0, 2, 4)
        one, two = environment.step(actions), other.step(actions)
        np.testing.assert_array_equal(one.observation, two.observation)
    assert other.normalization.count == environment.normalization.count == 4 * (1 + 60 + 10)
    assert state["count"] == 4 * (1 + 60)  # a copy
    older.set_state({name: state[name] for name in ("episodes", "lengths", "actions")})
    assert older.normalization.count == 0


def test_frames_are_stacked_oldest_first():
    environment = rl.gymnasium_environment("CartPole-v1", frame_stack=3).pyenv
    start = environment.reset().observation
    assert start.shape == (1, 3, 4)
    after = environment.step(np.zeros(1, np.int64)).observation
    np.testing.assert_array_equal(after[0, :2], start[0, 1:])


class Composed(gymnasium.Env):
    """Shows a picture, a choice and a speed; actions count from 5."""

    observation_space = spaces.Dict(
        {"picture": spaces.Box(0, 255, (2, 2, 1), np.uint8), "choice": spaces.Discrete(3, start=1)}
    )
    action_space = spaces.Discrete(2, start=5)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return {"picture": np.full((2, 2, 1), 7, np.uint8), "choice": np.int64(1)}, {}

    def step(self, action):
        shown = {"picture": np.full((2, 2, 1), action, np.uint8), "choice": np.int64(3)}
        return shown, float(action), False, False, {}


def test_composed_observations_and_actions_that_do_not_count_from_0():
    environment = rl.gymnasium_environment(Composed, batch=2)
    assert environment.observation_spec()["choice"].maximum == 2
    assert environment.action_spec().maximum == 1
    step = environment.reset()
    assert step.observation["choice"].numpy().tolist() == [0, 0]
    step = environment.step(np.array([0, 1]))
    assert step.reward.numpy().tolist() == [5.0, 6.0]
    assert step.observation["picture"].numpy()[1].ravel().tolist() == [6] * 4
    assert step.observation["picture"].dtype == "uint8"


class Offset(gymnasium.Env):
    """Actions, and what is shown, in spaces with starts of their own, one in another."""

    observation_space = spaces.Dict(
        {"pair": spaces.MultiDiscrete([3, 4], start=[2, -1]), "one": spaces.Discrete(3, start=-1)}
    )
    action_space = spaces.Tuple(
        (
            spaces.MultiDiscrete([3, 4], start=[2, -1]),
            spaces.Dict({"one": spaces.Discrete(3, start=-1), "speed": spaces.Box(-1, 1, (2,))}),
        )
    )

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return {"pair": np.array([2, -1]), "one": np.int64(-1)}, {}

    def step(self, action):
        assert self.action_space.contains(action), action
        return {"pair": action[0], "one": action[1]["one"]}, 0.0, False, False, {}


def test_starts_of_several_choices_and_of_inner_ones():
    environment = rl.gymnasium_environment(Offset, batch=2).pyenv
    shown = environment.reset().observation
    assert shown["pair"].tolist() == [[0, 0]] * 2
    assert shown["one"].tolist() == [0, 0]
    pairs, ones = np.array([[0, 0], [2, 3]]), np.array([0, 2])
    speeds = np.full((2, 2), 7.0, np.float32)  # clipped, or the space would not have it
    shown = environment.step((pairs, {"one": ones, "speed": speeds})).observation
    np.testing.assert_array_equal(shown["pair"], pairs)
    np.testing.assert_array_equal(shown["one"], ones)


def test_several_choices_that_do_not_count_from_0():
    class Alone(Offset):
        action_space = Offset.action_space[0]
        observation_space = action_space

        def reset(self, *, seed=None, options=None):
            return super().reset(seed=seed)[0]["pair"], {}

        def step(self, action):
            assert self.action_space.contains(action), action
            return action, 0.0, False, False, {}

    environment = rl.gymnasium_environment(Alone).pyenv
    environment.reset()
    assert environment.step(np.array([[1, 3]])).observation.tolist() == [[1, 3]]


def test_continuous_actions_are_clipped():
    environment, other = (rl.gymnasium_environment("Pendulum-v1").pyenv for _ in range(2))
    environment.reset(), other.reset()
    one = environment.step(np.full((1, 1), 100.0, "float32"))
    two = other.step(np.full((1, 1), 2.0, "float32"))
    np.testing.assert_array_equal(one.reward, two.reward)


def test_normalization_is_that_of_all_that_was_seen():
    normalization = rl.RunningNormalization()
    environment = rl.gymnasium_environment(
        "CartPole-v1", batch=3, normalization=normalization
    ).pyenv
    plain = rl.gymnasium_environment("CartPole-v1", batch=3).pyenv
    seen = [plain.reset().observation]
    environment.reset()
    for _ in range(20):
        actions = np.random.default_rng(0).integers(0, 2, 3)
        step = environment.step(actions)
        seen.append(plain.step(actions).observation)
    seen = np.concatenate(seen).astype("float64")
    np.testing.assert_allclose(normalization.mean, seen.mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(normalization.variance, seen.var(axis=0), rtol=1e-9)
    expected = (seen[-3:] - seen.mean(axis=0)) / np.sqrt(seen.var(axis=0) + 1e-8)
    np.testing.assert_allclose(step.observation, expected, rtol=1e-5)
    np.testing.assert_allclose(normalization.layer()(seen[-3:]), expected, rtol=1e-4, atol=1e-5)
    normalization.frozen = True
    environment.step(actions)
    assert normalization.count == len(seen)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 1)])
def test_normalization_as_a_layer_takes_observations_of_any_rank(shape):
    normalization = rl.RunningNormalization()
    seen = np.random.default_rng(0).normal(2.0, 3.0, (50, *shape)).astype("float32")
    normalization.update(seen)
    expected = (seen - seen.mean(axis=0)) / seen.std(axis=0)
    np.testing.assert_allclose(normalization.layer()(seen), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("CartPole-v9",), ConfigError, "CartPole"),
        (("CartPoll-v1",), UnknownNameError, "CartPole-v1"),
        ((3,), ConfigError, "must be a name"),
        ((lambda: 3,), ConfigError, "Received: builtins.int"),
        (("nomodule:CartPole-v1",), ConfigError, "cannot make 'nomodule:CartPole-v1'.*nomodule"),
    ],
)
def test_what_is_no_environment_is_one_clear_error(arguments, error, words):
    with pytest.raises((error, UnknownNameError), match=words) as caught:
        rl.gymnasium_environment(*arguments)
    assert "\n" not in str(caught.value)


def test_one_environment_makes_no_batch():
    with pytest.raises(ConfigError, match="a function that makes environments"):
        rl.gymnasium_environment(gymnasium.make("CartPole-v1"), batch=2)


@pytest.mark.parametrize(
    ("name", "value"),
    [("batch", 0), ("batch", 1.5), ("seed", -1), ("time_limit", 0), ("frame_stack", 0)],
)
def test_an_argument_out_of_range_is_one_clear_error(name, value):
    with pytest.raises(ConfigError, match=f"`{name}` must be an integer of .* Received: {value}"):
        rl.gymnasium_environment("CartPole-v1", **{name: value})
