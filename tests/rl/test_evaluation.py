"""Episodes in environments of their own, which are closed whatever happens in them."""

import pytest

pytest.importorskip("gymnasium", reason="needs the extra rl")

from typing import ClassVar

import gymnasium
import numpy as np

import kerazoo.rl as rl
from kerazoo.errors import ConfigError, UnknownNameError
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


def test_recording_in_an_unknown_environment_names_the_nearest(tmp_path):
    with pytest.raises(UnknownNameError, match="CartPole-v1") as caught:
        rl.record(lambda _: 0, "CartPoll-v1", tmp_path / "sheet.png")
    assert "\n" not in str(caught.value)
