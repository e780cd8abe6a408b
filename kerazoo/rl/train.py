"""`train`: run the recipe of an agent, from first step to greedy policy in a run folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerazoo.notices import notice
from kerazoo.rl import own_environment
from kerazoo.rl.evaluation import check_makes_environments
from kerazoo.rl.make_environment import NameOrEnv
from kerazoo.rl.run import Result, Run
from kerazoo.rl.trained_agent import as_agent
from kerazoo.training.run_folder import RunFolder
from kerazoo.zoo.agent_config import AgentConfig
from kerazoo.zoo.catalogue import find_or_read
from kerazoo.zoo.config_file import with_overrides


def train(
    name_or_config: str | os.PathLike[str] | AgentConfig,
    *,
    steps: int | None = None,
    env: NameOrEnv | None = None,
    output_dir: str | os.PathLike[str] | None = None,
    seed: int | None = None,
    resume: bool = True,
    overrides: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> Result:
    """Train an agent as its recipe says, and keep it as it was at its best evaluation.

    Evaluations are greedy episodes in environments of their own, with starts of their own. A run
    that was stopped continues when it is called again, and ends with the weights of the unbroken
    run: the checkpoint holds the replay buffer, and environments take the actions of their episodes
    again (which needs an environment that is a function of its seed and its actions).

    Args:
        name_or_config: the name of an agent of the zoo, a YAML file, or a config.
        steps: of all environments together, instead of the recipe's, 1 or above.
        env: another environment with the same spaces: Gymnasium's name, or a function or class that
            makes one. The folder remembers the name of that function: a run is not continued in
            another one.
        output_dir: the run folder; "runs/NAME" if None.
        seed: instead of the recipe's, 0 to 2**31 - 1: of weights, environments and actions.
        resume: False throws away what an earlier run left in the folder.
        overrides: dotted config field to value: `{"reinforcement.agent.discount": 0.98}`.
        progress: show a bar and a line per evaluation on stderr.

    Raises:
        UnknownNameError: no such agent, environment or builder.
        ConfigError: a config or override is wrong, or the model does not fit the environment.
        RunError: the run folder cannot be written, holds another run, or another process trains in
            it.

    >>> result = kerazoo.rl.train("reinforce_cartpole", steps=2000, progress=False)
    >>> result.metrics["mean_return"] > 8
    True
    """
    check_makes_environments(env)
    config = as_agent(find_or_read(name_or_config))
    given = {
        "reinforcement.steps": steps,
        "reinforcement.seed": seed,
        "reinforcement.environment.name": env if isinstance(env, str) else None,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if changes := {**changes, **(overrides or {})}:
        config = with_overrides(config, changes)
    folder = RunFolder(Path(output_dir or Path("runs") / config.name))
    run = Run(config, folder, None if isinstance(env, str) else env)
    with folder.alone():
        folder.open(config, resume=resume)
        own_environment.check_same(folder, env)
        if folder.is_complete:
            notice(
                f"{folder.path} is complete: loaded, not trained again (resume=False trains anew)."
            )
            return run.result()
        return run.train(show_progress=progress)
