"""Episodes in environments of their own, which are closed whatever happens in them."""

import pytest

pytest.importorskip("gymnasium", reason="needs the extra rl")

from typing import ClassVar

import gymnasium
import numpy as np

import kerazoo.rl as rl
from kerazoo.errors import ConfigError, DataError, UnknownNameError
from kerazoo.rl.evaluation import open_policy


class Counted(gymnasium.Env):
    """One step long. `open` counts those of its kind that were made and not closed."""

    metadata: ClassVar = {"render_modes": ["rgb_array"]}
    observation_space = gymnasium.spaces.Box(0, 1, (4,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
    open = 0

    def __init__(self, fails="", render_mode=None):
        type(self).open += 1
        self.fails, self.render_mode = fails, render_mode

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(4, np.float32), {}

    def step(self, action):
        if self.fails == "step":
            raise RuntimeError("no step")
        return np.zeros(4, np.float32), 1.0, True, False, {}

    def render(self):
        if self.fails == "render":
            raise RuntimeError("no picture")
        return np.zeros((2, 2, 3), np.uint8)

    def close(self):
        type(self).open -= 1


@pytest.fixture
def counted(monkeypatch):
    """The class, which Gymnasium knows as "Counted-v0" in this test."""
    monkeypatch.setattr(Counted, "open", 0)
    gymnasium.register("Counted-v0", Counted)
    yield Counted
    del gymnasium.registry["Counted-v0"]


def push(observations):
    return np.tile([1.0, 0.0], (len(observations), 1))


POLICY = rl.Policy(push, Counted.action_space)


@pytest.mark.parametrize("policy", [POLICY, "dqn_cartpole"])
def test_one_environment_is_not_enough(policy):
    with pytest.raises(ConfigError, match="environments of their own. Received: <.*CartPole"):
        rl.evaluate(policy, gymnasium.make("CartPole-v1"))


def test_evaluation_closes_what_it_made(counted):
    assert rl.evaluate(POLICY, counted, episodes=3)["mean_return"] == 1.0
    assert counted.open == 0
    with pytest.raises(RuntimeError, match="no step"):
        rl.evaluate(POLICY, lambda: counted("step"), episodes=3)
    assert counted.open == 0


def test_environments_are_closed_where_not_all_can_be_made(counted):
    def make():
        if counted.open == 2:
            raise RuntimeError("no more")
        return counted()

    with pytest.raises(RuntimeError, match="no more"):
        rl.evaluate(POLICY, make, episodes=3)
    assert counted.open == 0


def test_opening_a_policy_leaves_no_environment_open(counted):
    open_policy("dqn_cartpole", counted)
    assert counted.open == 0


@pytest.mark.parametrize("fails", ["step", "render"])
def test_recording_closes_what_it_made(counted, fails, tmp_path):
    path = tmp_path / "sheet.png"
    gymnasium.registry["Counted-v0"].kwargs["fails"] = fails
    with pytest.raises(RuntimeError):
        rl.record(lambda _: 0, "Counted-v0", path)
    assert counted.open == 0
    given = counted()
    assert rl.record(lambda _: 0, given, path) == 1.0
    assert counted.open == 1  # its owner closes it
    assert path.exists()


class Endless(Counted):
    """Without `render`, and without an end."""

    render = gymnasium.Env.render

    def step(self, action):
        return np.zeros(4, np.float32), 1.0, False, False, {}


def test_an_episode_without_end_is_an_error_or_has_a_limit(tmp_path, monkeypatch):
    class Shown(Endless):
        render = Counted.render

    monkeypatch.setattr("kerazoo.rl.make_environment._MOST_STEPS", 50)
    path = tmp_path / "sheet.png"
    with pytest.raises(ConfigError, match="not over after 50 steps.*Pass `time_limit`"):
        rl.evaluate(POLICY, Endless, episodes=2)
    with pytest.raises(ConfigError, match="not over after 50 steps.*Pass `time_limit`"):
        rl.record(POLICY, Shown(), path)
    assert rl.evaluate(POLICY, Endless, episodes=2, time_limit=70)["mean_return"] == 70.0
    given = Shown()
    opened = Counted.open
    assert rl.record(POLICY, given, path, time_limit=70) == 70.0
    assert Counted.open == opened  # its owner closes it, in a limit or not
    limited = lambda: gymnasium.wrappers.TimeLimit(Endless(), 70)  # noqa: E731
    assert rl.evaluate(POLICY, limited, episodes=2)["mean_return"] == 70.0


def test_a_limit_goes_before_the_recipes():
    assert rl.evaluate("dqn_cartpole", episodes=2, time_limit=7)["mean_return"] == 7.0


@pytest.mark.parametrize(
    ("space", "scores"),
    [
        (gymnasium.spaces.Discrete(2), (3, 4)),
        (gymnasium.spaces.Discrete(2), (3, 2, 51)),
        (gymnasium.spaces.Discrete(2), (1, 2)),
        (gymnasium.spaces.Discrete(2), ()),
        (gymnasium.spaces.Box(-1, 1, (2,)), (3, 1)),
        (gymnasium.spaces.Box(-1, 1, (2,)), ()),
    ],
)
def test_scores_of_another_shape_than_the_actions_are_an_error(space, scores):
    policy = rl.Policy(lambda _: np.zeros(scores), space)
    for observations in (np.zeros((3, 4)), {"a": (np.zeros((3, 4)), np.zeros(3))}):
        with pytest.raises(DataError, match=r"have shape \(.*the actions have \(3, 2\)"):
            policy.batch(observations)


def test_recording_in_an_unknown_environment_names_the_nearest(tmp_path):
    with pytest.raises(UnknownNameError, match="CartPole-v1") as caught:
        rl.record(lambda _: 0, "CartPoll-v1", tmp_path / "sheet.png")
    assert "\n" not in str(caught.value)
