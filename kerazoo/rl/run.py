"""One run of an agent's recipe: rounds of learning, evaluations between them, the best kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tf_agents.trajectories import TimeStep

from kerazoo.distribute import beat
from kerazoo.errors import RunError
from kerazoo.rl.agent_checkpoint import AgentCheckpoint
from kerazoo.rl.evaluation import recipe_environment, run_episodes
from kerazoo.rl.gymnasium_environment import gymnasium_environment
from kerazoo.rl.learners import make_learner
from kerazoo.rl.make_environment import NameOrEnv
from kerazoo.rl.own_environment import name_of
from kerazoo.rl.policy import Policy
from kerazoo.rl.policy_model import policy_model
from kerazoo.rl.progress import ShowProgress
from kerazoo.training.callbacks import WriteEvents
from kerazoo.training.checkpoint import History, load_values, save_values
from kerazoo.training.interruption import StopRequest
from kerazoo.training.run_folder import RunFolder
from kerazoo.zoo.agent_config import AgentConfig
from kerazoo.zoo.build import build_model

_STEPS_PER_CALL = 1024  # of a compiled function: often enough for a bar and for Ctrl-C
_SEED_OF_EVALUATION = 2_000_000  # apart from the seeds of training and of `kerazoo.rl.evaluate`


@dataclass(frozen=True)
class Result:
    """What a run gave.

    Attributes:
        policy: greedy, with the weights of the best evaluation; acts on NumPy arrays.
        model: the network of the policy, as the recipe's builder makes it.
        metrics: of that evaluation: "mean_return", "standard_error"; "steps" it took.
        run_dir: the run folder; training/run_folder.py says what is in it.
        history: name -> one value per evaluation: "steps", "mean_return", "standard_error",
            "collected_return" (with exploration), "loss", "updates".
    """

    policy: Policy
    model: keras.Model
    metrics: dict[str, float]
    run_dir: Path
    history: History


class Run:
    """A recipe, its environments and its folder."""

    def __init__(self, config: AgentConfig, folder: RunFolder, env: NameOrEnv | None):
        self.config, self.folder, self.env = config, folder, env
        self.recipe = config.reinforcement
        keras.utils.set_random_seed(self.recipe.seed)
        self.model = build_model(config)
        self.environment = self._batched()
        self.learner = make_learner(
            self.model, self.recipe, self.environment, seed=self.recipe.seed
        )
        self.make_environment = lambda: recipe_environment(self.recipe.environment, env)
        space = self.environment.pyenv.environments[0].action_space
        self.policy = Policy(policy_model(config, self.model), space)
        self.checkpoint = AgentCheckpoint(folder.checkpoints)
        self.history: History = {}
        self.stop = StopRequest()

    def train(self, *, show_progress: bool) -> Result:
        """From the folder's checkpoint, or from the start, to the end."""
        time_step = self._begin()
        progress = ShowProgress(self.config.name, self.recipe.steps, shown=show_progress)
        events = WriteEvents(self.folder.tensorboard)
        with progress, self.stop.listening():
            progress.move_to(self.steps, self._collected_return())
            while not self._is_over():
                time_step, loss = self.learner.rounds(time_step, self._rounds_to_go())
                beat(self.steps)
                progress.move_to(self.steps, self._collected_return())
                if self.steps >= self._next_evaluation() or not self._fits_another_round():
                    row = self._evaluate(float(loss))
                    events.on_epoch_end(self.steps - 1, row)
                    progress.say(row)
                    self._save()
                elif self.stop.asked or self._is_time_to_save():
                    self._save()
                if self.stop.asked:
                    break
        events.on_train_end()
        self.stop.pass_on()
        if not self._is_over():  # a handler of the program's own took the signal
            raise RunError(f"The run in {str(self.folder.path)!r} was stopped; it can be resumed.")
        return self._finish()

    def result(self) -> Result:
        """What a complete run gave, from its folder."""
        load_values(self.folder.best, self.model)
        self.history = self.checkpoint.read()[1]["history"]
        metrics = self.folder.read_metrics()
        return Result(self.policy, self.model, metrics, self.folder.path, self.history)

    @property
    def steps(self) -> int:
        """Of all environments together, so far."""
        return int(self.learner.collector.steps)

    def _begin(self) -> TimeStep:
        """Restore what there is; gives the time step to go on from."""
        inside = self.environment.pyenv
        progress = self.checkpoint.restore(self.learner, inside)
        if progress is None:
            self.folder.write_environment(seed=self.recipe.seed, env=name_of(self.env))
            inside.reset()
        else:
            self.history = progress["history"]
            inside.finished = [tuple(pair) for pair in progress["finished"]]
        self._saved_at = self.steps
        return tf.nest.map_structure(tf.convert_to_tensor, inside.current_time_step())

    def _save(self) -> None:
        inside = self.environment.pyenv
        progress = {"history": self.history, "finished": inside.finished}
        self.checkpoint.save(self.learner, inside, progress)
        self._saved_at = self.steps

    def _is_time_to_save(self) -> bool:
        every = self.recipe.checkpoint_every
        return every is not None and self.steps - self._saved_at >= every

    def _is_over(self) -> bool:
        evaluated = bool(self.history) and self.history["steps"][-1] == self.steps
        return evaluated and (self._is_solved() or not self._fits_another_round())

    def _is_solved(self) -> bool:
        solved = self.recipe.evaluation.solved
        return solved is not None and max(self.history["mean_return"]) >= solved

    def _fits_another_round(self) -> bool:
        return self.steps + self.learner.round_steps <= self.recipe.steps

    def _next_evaluation(self) -> int:
        every = self.recipe.evaluation.every
        last = self.history["steps"][-1] if self.history else 0
        return (last // every + 1) * every

    def _rounds_to_go(self) -> tf.Tensor:
        """For one call: as many as do not pass the next evaluation, or the end."""
        limit = min(self._next_evaluation(), self.recipe.steps) - self.steps
        return tf.constant(self.learner.rounds_within(min(limit, _STEPS_PER_CALL)))

    def _collected_return(self) -> float:
        """Mean return of the last episodes with exploration; not a number before the first."""
        recent = [total for total, _ in self.environment.pyenv.finished[-20:]]
        return float(np.mean(recent)) if recent else float("nan")

    def _evaluate(self, loss: float) -> dict[str, float]:
        evaluation = self.recipe.evaluation
        returns = run_episodes(
            self.policy,
            self.make_environment,
            episodes=evaluation.episodes,
            seed=_SEED_OF_EVALUATION + self.recipe.seed,
        )
        mean = float(returns.mean())
        if not self.history or mean >= max(self.history["mean_return"]):
            save_values(self.folder.best, self.model)
        row = {
            "steps": self.steps,
            "updates": int(self.learner.updates),
            "mean_return": mean,
            "standard_error": float(returns.std(ddof=1) / np.sqrt(len(returns))),
            "collected_return": self._collected_return(),
            "loss": loss,
        }
        for name, value in row.items():
            self.history.setdefault(name, []).append(value)
        self.folder.write_history(self.history, row="evaluation")
        del self.environment.pyenv.finished[:-20]
        return row

    def _finish(self) -> Result:
        load_values(self.folder.best, self.model)
        returns = self.history["mean_return"]
        best = max(range(len(returns)), key=lambda number: (returns[number], number))
        metrics = {
            name: self.history[name][best] for name in ("mean_return", "standard_error", "steps")
        }
        self.folder.write_metrics(metrics)
        self.folder.write_model(self.model)  # last: its presence says that the run is complete
        return Result(self.policy, self.model, metrics, self.folder.path, self.history)

    def _batched(self) -> Any:
        recipe = self.recipe.environment
        return gymnasium_environment(
            recipe.name if self.env is None else self.env,
            batch=recipe.batch,
            seed=self.recipe.seed,
            time_limit=recipe.time_limit,
            frame_stack=recipe.frame_stack,
        )
