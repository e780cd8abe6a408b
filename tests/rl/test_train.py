"""Whole runs, small: what they write, and that a killed one ends as the unbroken one."""

import pytest

pytest.importorskip("gymnasium", reason="needs the extra rl")

import csv
import json
import os
import signal

import gymnasium
import keras
import numpy as np

import kerazoo
import kerazoo.rl as rl
from kerazoo.distribute.heartbeat import VARIABLE, last_beat
from kerazoo.errors import ConfigError, RunError, UnknownNameError
from kerazoo.rl.agent_checkpoint import AgentCheckpoint
from kerazoo.rl.progress import ShowProgress
from kerazoo.zoo.config_file import to_config, with_overrides

NETWORK = {"observation_shape": [4], "outputs": 2, "hidden_units": [16]}
VALUE_MODEL = {"builder": "observation_mlp", "arguments": {**NETWORK, "outputs": 1}}
AGENTS = {
    "dqn": {
        "algorithm": "dqn",
        "batch_size": 16,
        "replay_capacity": 500,
        "learning_starts": 100,
        "collect_steps": 32,
        "updates": 4,
        "exploration": {"steps": 300},
        "target_update_period": 10,
    },
    "ppo": {
        "algorithm": "ppo",
        "collect_steps": 16,
        "batch_size": 32,
        "epochs": 2,
        "value_model": VALUE_MODEL,
    },
    "reinforce": {"algorithm": "reinforce", "value_model": VALUE_MODEL},
}
AGENTS["ddqn"] = {**AGENTS["dqn"], "algorithm": "ddqn"}
AGENTS["c51"] = {**AGENTS["dqn"], "algorithm": "c51", "min_value": 0, "max_value": 100}


def config(algorithm="dqn", environment="CartPole-v1", model=NETWORK, **changes):
    network = {**model, "outputs": [2, 51]} if algorithm == "c51" else model
    recipe = {
        "environment": {"name": environment, "batch": 4},
        "agent": AGENTS[algorithm],
        "optimizer": {"learning_rate": 0.001, "decay": "linear"},
        "steps": 600,
        "evaluation": {"every": 200, "episodes": 4},
        **changes,
    }
    data = {
        "name": "small_agent",
        "task": "reinforcement-learning",
        "summary": "Small.",
        "model": {"builder": "observation_mlp", "arguments": network},
        "reinforcement": recipe,
        "card": {"license": "Apache-2.0"},
    }
    return to_config(data, source="small_agent.yaml")


def train(recipe, folder, **options):
    return rl.train(recipe, output_dir=folder, progress=False, **options)


@pytest.mark.parametrize("algorithm", ["ddqn", "c51", "ppo", "reinforce"])
def test_a_run_leaves_a_policy_and_a_record(algorithm, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "beat"))
    result = train(config(algorithm), tmp_path / "run")
    steps = result.history["steps"]
    assert steps == sorted(steps)
    assert last_beat(tmp_path / "beat").step == steps[-1]  # `launch` saw it advance
    assert steps[-1] <= 600 + (4 * 500 if algorithm == "reinforce" else 0)  # whole episodes
    best = max(result.history["mean_return"])
    assert result.metrics["mean_return"] == best
    with (tmp_path / "run" / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["mean_return"]) for row in rows] == result.history["mean_return"]
    assert list((tmp_path / "run" / "tensorboard").glob("events*"))
    assert json.loads((tmp_path / "run" / "environment.json").read_text())["seed"] == 0
    # The policy is the network of the best evaluation, as saved.
    network = keras.saving.load_model(tmp_path / "run" / "model.keras")
    observations = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
    outputs = network.predict(observations, verbose=0)
    if algorithm == "c51":
        chances = np.exp(outputs) / np.exp(outputs).sum(axis=-1, keepdims=True)
        outputs = chances @ np.linspace(0, 100, 51)
    np.testing.assert_array_equal(result.policy.batch(observations), outputs.argmax(axis=-1))
    assert result.policy(observations[3]) == outputs[3].argmax()
    again = train(config(algorithm), tmp_path / "run")  # loaded, not trained again
    assert again.history == result.history
    np.testing.assert_array_equal(again.policy.batch(observations), outputs.argmax(axis=-1))


class Killed(BaseException):
    """Stands for a power cut: nobody catches it."""


@pytest.mark.parametrize("algorithm", ["dqn", "ppo", "reinforce"])
def test_a_killed_run_ends_as_the_unbroken_one(algorithm, tmp_path, monkeypatch):
    """At a random save; everything that was done since the save before is lost."""
    recipe = config(algorithm, checkpoint_every=64)
    whole = train(recipe, tmp_path / "whole")
    save = AgentCheckpoint.save
    saves = []

    def save_or_die(*arguments):
        saves.append(1)
        if len(saves) == deadly:
            raise Killed
        save(*arguments)

    rng = np.random.default_rng(0)
    deadly = int(rng.integers(2, 4))
    monkeypatch.setattr(AgentCheckpoint, "save", save_or_die)
    with pytest.raises(Killed):
        train(recipe, tmp_path / "broken")
    assert not (tmp_path / "broken" / "model.keras").exists()
    monkeypatch.setattr(AgentCheckpoint, "save", save)
    resumed = train(recipe, tmp_path / "broken")
    assert resumed.history == whole.history
    for one, other in zip(resumed.model.weights, whole.model.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_signal_stops_between_rounds_and_loses_nothing(tmp_path, monkeypatch):
    recipe = config(evaluation={"every": 300, "episodes": 4})
    whole = train(recipe, tmp_path / "whole")
    monkeypatch.setattr("kerazoo.rl.run._STEPS_PER_CALL", 64)  # stops far from an evaluation
    move_to, calls = ShowProgress.move_to, []

    def move_and_signal(*arguments):
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        move_to(*arguments)

    monkeypatch.setattr(ShowProgress, "move_to", move_and_signal)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path / "stopped")
    monkeypatch.undo()
    resumed = train(recipe, tmp_path / "stopped")
    assert resumed.history == whole.history


def test_it_ends_at_the_solved_mark(tmp_path):
    recipe = config(evaluation={"every": 200, "episodes": 4, "solved": 1.0})
    assert len(train(recipe, tmp_path / "run").history["steps"]) == 1


def test_an_environment_of_ones_own(tmp_path):
    class Light(gymnasium.Env):
        """One step: the action is the answer to whether the light is on."""

        observation_space = gymnasium.spaces.Box(0, 1, (4,), np.float32)
        action_space = gymnasium.spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            self.light = self.np_random.integers(2)
            return np.full(4, self.light, np.float32), {}

        def step(self, action):
            return np.zeros(4, np.float32), float(action == self.light), True, False, {}

    recipe = config(
        steps=3000,
        optimizer={"learning_rate": 0.01},
        evaluation={"every": 500, "episodes": 30, "solved": 1.0},
    )
    result = train(recipe, tmp_path / "run", env=Light)
    assert result.metrics["mean_return"] == 1.0
    assert rl.evaluate(result.policy, Light, episodes=50)["mean_return"] == 1.0


def make_cartpole():
    return gymnasium.make("CartPole-v1")


def make_short_cartpole():
    return gymnasium.make("CartPole-v1", max_episode_steps=5)


def test_a_run_is_not_continued_in_another_environment(tmp_path):
    recipe = config(steps=200)
    result = train(recipe, tmp_path / "run", env=make_cartpole)
    assert train(recipe, tmp_path / "run", env=make_cartpole).history == result.history
    for env, now in ((make_short_cartpole, "make_short_cartpole"), (None, "the recipe's")):
        with pytest.raises(RunError, match=f"test_train.make_cartpole there, .*{now} now"):
            train(recipe, tmp_path / "run", env=env)
    short = train(recipe, tmp_path / "run", env=make_short_cartpole, resume=False)
    assert short.metrics["mean_return"] == 5.0
    # Nor is its policy asked in another one by mistake.
    with pytest.raises(ConfigError, match="trained in .*make_short_cartpole.* pass it as `env`"):
        rl.evaluate(tmp_path / "run", episodes=2)
    found = rl.evaluate(tmp_path / "run", make_short_cartpole, episodes=2)
    assert found["mean_return"] == 5.0


def test_what_a_run_found_is_evaluated_and_exported(tmp_path):
    """The folder's, not the published weights of the recipe's name."""
    recipe = with_overrides(config("c51", steps=200), {"name": "dqn_cartpole"})
    result = train(recipe, tmp_path / "run")
    found = rl.evaluate(tmp_path / "run", episodes=10)
    assert found == rl.evaluate(result.policy, "CartPole-v1", episodes=10)
    assert found != rl.evaluate("dqn_cartpole", episodes=10)
    rl.export(tmp_path / "run", tmp_path / "policy.tflite")
    assert rl.evaluate(tmp_path / "policy.tflite", episodes=10) == found
    (tmp_path / "run" / "model.keras").unlink()
    with pytest.raises(RunError, match="is not complete: go on with `kerazoo train"):
        rl.evaluate(tmp_path / "run", episodes=10)


def test_an_actor_that_decides_on_its_deviation_acts_by_its_means(tmp_path):
    @kerazoo.register("means_and_deviations")
    def build():
        inputs = keras.Input((3,))
        heads = [keras.layers.Dense(1, name=name)(inputs) for name in ("mean", "log_std")]
        return keras.Model(inputs, heads)

    values = {"observation_shape": [3], "outputs": 1, "hidden_units": [16]}
    agent = {**AGENTS["ppo"], "value_model": {**VALUE_MODEL, "arguments": values}}
    recipe = config("ppo", "Pendulum-v1", agent=agent, steps=200)
    changes = {"model.builder": "means_and_deviations", "model.arguments": {}}
    result = train(with_overrides(recipe, changes), tmp_path / "run")
    observations = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    means = np.clip(result.model.predict(observations, verbose=0)[0], -2, 2)
    np.testing.assert_allclose(result.policy.batch(observations), means, rtol=1e-5, atol=1e-6)
    found = rl.evaluate(tmp_path / "run", episodes=2)
    assert found == rl.evaluate(result.policy, "Pendulum-v1", episodes=2)


class Choices(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(0, 1, (4,), np.float32)
    action_space = gymnasium.spaces.Discrete(3)


class Switches(Choices):
    action_space = gymnasium.spaces.MultiBinary(3)


class Pairs(Choices):
    action_space = gymnasium.spaces.MultiDiscrete([3, 3])


def test_continuous_actions_are_learned_by_ppo_alone(tmp_path):
    model = {"observation_shape": [3], "outputs": 1, "hidden_units": [16]}
    agent = {**AGENTS["ppo"], "value_model": {**VALUE_MODEL, "arguments": model}}
    recipe = config("ppo", "Pendulum-v1", model, agent=agent)
    result = train(recipe, tmp_path / "run")
    action = result.policy(np.array([1.0, 0.0, 0.0], "float32"))
    assert action.shape == (1,)
    assert abs(action[0]) <= 2
    with pytest.raises(ConfigError, match="one discrete action"):
        train(config("dqn", "Pendulum-v1", model), tmp_path / "other")


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda folder: train("mnist_cnn", folder), ConfigError, "learns from data"),
        (lambda folder: train("dqn_cartpol", folder), UnknownNameError, "dqn_cartpole"),
        (lambda folder: train(config(), folder, env="CartPoll-v1"), UnknownNameError, "CartPole"),
        (lambda folder: train(config(), folder, env="Acrobot-v1"), ConfigError, "observations"),
        (
            lambda folder: train(config(), folder, env=gymnasium.make("CartPole-v1")),
            ConfigError,
            "environments of their own",
        ),
        (lambda folder: kerazoo.train("dqn_cartpole", output_dir=folder), ConfigError, "rl.train"),
        (
            lambda folder: train(config(), folder, env=Choices),
            ConfigError,
            r"Q-values \(batch, 3\)",
        ),
        (
            lambda folder: train(config("c51"), folder, env=Choices),
            ConfigError,
            r"logits \(batch, 3, atoms\)",
        ),
        (lambda folder: train(config("ppo"), folder, env=Switches), ConfigError, "one choice"),
        (lambda folder: train(config("ppo"), folder, env=Pairs), ConfigError, "one choice"),
        (
            lambda folder: config(evaluation={"every": 200, "episodes": 1}),
            ConfigError,
            "Expected `int` >= 2 at field `reinforcement.evaluation.episodes`",
        ),
    ],
)
def test_what_cannot_be_trained_is_one_clear_error(call, error, words, tmp_path):
    with pytest.raises(error, match=words) as caught:
        call(tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_damaged_or_foreign_checkpoint_is_one_clear_error(tmp_path):
    train(config(), tmp_path / "run")
    (tmp_path / "run" / "model.keras").unlink()
    newest = tmp_path / "run" / "checkpoints" / "newest.safetensors"
    newest.write_bytes(newest.read_bytes()[:1000])
    with pytest.raises(RunError, match=r"is damaged.*resume=False"):
        train(config(), tmp_path / "run")
    with pytest.raises(RunError, match="another config"):
        train(config(steps=700), tmp_path / "run")
