"""Reinforcement learning: speed beside the loop of TF-Agents' DQN tutorial, memory over time, and
what the published agents reach.

    PYTHONPATH=tools python -m benchmarks.rl [throughput] [memory] [agents] [--rounds 3] [--json]

With the extra `rl`. An iteration is one environment step and one update on a batch
of 64, of a network of 100 and 50 units, on CartPole-v1; contenders take turns in one process.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.table import Row, fact, print_rows, progress, row

import kerazoo.rl as rl  # isort: skip  it chooses Keras 2 for what TF-Agents imports
import tensorflow as tf
from tf_agents.agents.dqn.dqn_agent import DqnAgent
from tf_agents.drivers import dynamic_step_driver, py_driver
from tf_agents.environments import tf_environment
from tf_agents.networks.q_network import QNetwork
from tf_agents.policies import py_tf_eager_policy
from tf_agents.replay_buffers import tf_uniform_replay_buffer
from tf_agents.trajectories import Trajectory
from tf_agents.utils import common

import kerazoo
from kerazoo.rl.learners import make_learner
from kerazoo.rl.run import Run
from kerazoo.training.run_folder import RunFolder
from kerazoo.zoo.agent_config import AgentConfig
from kerazoo.zoo.build import build_model
from kerazoo.zoo.catalogue import find_any_config
from kerazoo.zoo.config_file import with_overrides

BATCH, UNITS = 64, (100, 50)
BARS = {"dqn_cartpole": ">= 475", "ppo_cartpole": ">= 475"}
ACROBOT, ACROBOT_BAR = "dqn_acrobot", "<= 85"
"""It loses a point at each step before the goal, of which it shall take few."""


def suite_throughput(options: argparse.Namespace) -> list[Row]:
    """Iterations a second."""
    rounds, iterations = options.rounds, options.iterations
    contenders = {
        "tutorial, PyDriver": _tutorial(in_python=True),
        "tutorial, DynamicStepDriver": _tutorial(in_python=False),
        "kerazoo": _kerazoo(),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name, run in contenders.items():
            progress(f"throughput, round {number + 1}/{rounds}: {name}")
            start = time.perf_counter()
            run(iterations)
            seconds[name].append(time.perf_counter() - start)
    speeds = {name: iterations / statistics.median(times) for name, times in seconds.items()}
    ours = speeds.pop("kerazoo")
    return [
        row("iterations/s", ours, name, speed, ours / speed, ">= 2.0")
        for name, speed in speeds.items()
    ]


def suite_memory(options: argparse.Namespace) -> list[Row]:
    """Resident memory at each evaluation of a long run, whose replay buffer is full after a tenth
    of it."""
    steps = options.memory_steps
    config = _dqn_cartpole(
        {
            "reinforcement.steps": steps,
            "reinforcement.agent.replay_capacity": steps // 10,
            "reinforcement.agent.updates": 16,
            "reinforcement.evaluation": {"every": steps // 20, "episodes": 5},
        }
    )
    memory: list[tuple[int, float]] = []

    class Watched(Run):
        def _evaluate(self, loss: float) -> dict[str, float]:
            evaluated = super()._evaluate(loss)
            memory.append((self.steps, _resident_megabytes()))
            progress(f"memory: step {self.steps:,}, {memory[-1][1]:.1f} MB")
            return evaluated

    with tempfile.TemporaryDirectory() as folder:
        run_folder = RunFolder(Path(folder) / "run")
        run = Watched(config, run_folder, None)
        run_folder.open(config, resume=False)
        run.train(show_progress=False)
    full = [megabytes for step, megabytes in memory if step > steps // 8]
    return [
        fact("MB when the buffer has become full", full[0], ""),
        fact("MB at most after that", max(full), ""),
        fact("memory, change at most", max(abs(m / full[0] - 1) for m in full), "<= 0.05"),
    ]


def suite_agents(options: argparse.Namespace) -> list[Row]:
    """Mean returns of greedy episodes; without a bar those of agents that none was set for."""
    rows = []
    for name in kerazoo.list_models(task="reinforcement-learning", pretrained=True):
        progress(f"agents: {name}")
        mean = rl.evaluate(name, episodes=options.episodes)["mean_return"]
        if name == ACROBOT:
            rows.append(fact(f"{name}, points lost", -mean, ACROBOT_BAR))
        else:
            rows.append(fact(f"{name}, mean return", mean, BARS.get(name, "")))
    return rows


def _tutorial(*, in_python: bool) -> Callable[[int], None]:
    """TF-Agents' DQN tutorial: collect one step, draw a batch, `agent.train`, in a Python loop."""
    environment = rl.gymnasium_environment("CartPole-v1")
    network = QNetwork(
        environment.observation_spec(), environment.action_spec(), fc_layer_params=UNITS
    )
    agent = DqnAgent(
        environment.time_step_spec(),
        environment.action_spec(),
        q_network=network,
        optimizer=tf.keras.optimizers.Adam(1e-3),
        td_errors_loss_fn=common.element_wise_squared_loss,
        train_step_counter=tf.Variable(0, dtype=tf.int64),
    )
    agent.initialize()
    buffer = tf_uniform_replay_buffer.TFUniformReplayBuffer(
        agent.collect_data_spec, batch_size=1, max_length=100_000
    )
    collect = (_python_driver if in_python else _compiled_driver)(environment, agent, buffer)
    for _ in range(200):
        collect()
    dataset = buffer.as_dataset(num_parallel_calls=3, sample_batch_size=BATCH, num_steps=2)
    batches = iter(dataset.prefetch(3))
    train = common.function(agent.train)

    def run(iterations: int) -> None:
        for _ in range(iterations):
            collect()
            experience, _ = next(batches)
            train(experience)

    run(50)
    return run


def _python_driver(environment: Any, agent: DqnAgent, buffer: Any) -> Callable[[], Any]:
    policy = py_tf_eager_policy.PyTFEagerPolicy(
        agent.collect_policy, use_tf_function=True, batch_time_steps=False
    )
    inside = environment.pyenv

    def add(trajectory: Trajectory) -> None:
        buffer.add_batch(tf.nest.map_structure(tf.convert_to_tensor, trajectory))

    driver = py_driver.PyDriver(inside, policy, observers=[add], max_steps=1)
    at = [inside.reset(), policy.get_initial_state(1)]

    def collect() -> None:
        at[:] = driver.run(*at)

    return collect


def _compiled_driver(
    environment: tf_environment.TFEnvironment, agent: DqnAgent, buffer: Any
) -> Callable[[], Any]:
    driver = dynamic_step_driver.DynamicStepDriver(
        environment, agent.collect_policy, observers=[buffer.add_batch], num_steps=1
    )
    return common.function(driver.run)


def _kerazoo() -> Callable[[int], None]:
    config = _dqn_cartpole(
        {
            "model.arguments.hidden_units": list(UNITS),
            "reinforcement.environment.batch": 1,
            "reinforcement.agent.batch_size": BATCH,
            "reinforcement.agent.collect_steps": 1,
            "reinforcement.agent.updates": 1,
            "reinforcement.agent.learning_starts": 200,
        }
    )
    environment = rl.gymnasium_environment("CartPole-v1")
    learner = make_learner(build_model(config), config.reinforcement, environment, seed=0)
    at = [environment.reset()]

    def run(iterations: int) -> None:
        at[0], loss = learner.rounds(at[0], tf.constant(iterations))
        loss.numpy()

    run(250)
    return run


def _dqn_cartpole(changes: dict[str, Any]) -> AgentConfig:
    config = find_any_config("dqn_cartpole")
    assert isinstance(config, AgentConfig)
    return with_overrides(config, changes)


def _resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    suites = {"throughput": suite_throughput, "memory": suite_memory, "agents": suite_agents}
    parser.add_argument("suites", nargs="*", choices=[*suites, []], help="all if none is named")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=1000, help="of a turn")
    parser.add_argument("--memory-steps", type=int, default=200_000, help="of the long run")
    parser.add_argument("--episodes", type=int, default=100, help="of each agent")
    parser.add_argument("--json", action="store_true", help="end with a line of all rows")
    options = parser.parse_args()
    results = {name: suites[name](options) for name in options.suites or suites}
    for name, rows in results.items():
        print_rows(name, rows)
    if options.json:
        print(json.dumps([row for rows in results.values() for row in rows]))


if __name__ == "__main__":
    main()
