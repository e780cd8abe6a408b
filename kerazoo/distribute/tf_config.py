"""TF_CONFIG: TensorFlow's own way to tell a process which cluster it belongs to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kerazoo.errors import ConfigError, nearest, unknown_name

_JOBS = ("chief", "worker", "ps", "evaluator")


def read_tf_config(environ: Mapping[str, str]) -> dict[str, Any] | None:
    """The fields of a `Cluster`; None where the variable is absent or empty.

    Raises:
        ConfigError: it is no JSON, lacks a part, or names a process that is not there.
    """
    text = environ.get("TF_CONFIG", "").strip() or "{}"
    try:
        config = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"TF_CONFIG is no JSON: {error}. Received: {text[:80]!r}.") from error
    if not isinstance(config, dict):
        raise ConfigError(f"TF_CONFIG must be a JSON object. Received: {text[:80]!r}.")
    if not config:
        return None
    jobs, task = _part(config, "cluster"), _part(config, "task")
    for job, addresses in jobs.items():
        if job not in _JOBS:
            raise unknown_name("job in TF_CONFIG", job, _JOBS)
        if not isinstance(addresses, list) or not all(isinstance(a, str) for a in addresses):
            raise ConfigError(
                f"TF_CONFIG: cluster.{job} must be a list of 'host:port'. Received: {addresses!r}."
            )
    job, index = _part(task, "type", "task."), _part(task, "index", "task.")
    if job not in jobs:
        raise unknown_name("task.type in TF_CONFIG", job, jobs)
    if job == "evaluator":
        raise ConfigError("TF_CONFIG: an evaluator has no part in training. Start none.")
    if type(index) is not int or not 0 <= index < len(jobs[job]):
        raise ConfigError(
            f"TF_CONFIG: task.index must be 0 to {len(jobs[job]) - 1}, as there are "
            f"{len(jobs[job])} of job {job!r}. Received: {index!r}."
        )
    return _from_jobs(jobs, job, index)


def _from_jobs(jobs: Mapping[str, list[str]], job: str, index: int) -> dict[str, Any]:
    chief, workers = jobs.get("chief", []), jobs.get("worker", [])
    if len(chief) > 1:
        raise ConfigError(f"TF_CONFIG: there is one chief at most. Received: {chief}.")
    if jobs.get("ps"):
        servers = tuple(jobs["ps"])
        if not chief or not workers:
            raise ConfigError(
                "TF_CONFIG: parameter servers ('ps') need a 'chief' and a 'worker' at least."
            )
        rest = {"chief": chief[0], "parameter_servers": servers, "source": "TF_CONFIG"}
        return {"workers": tuple(workers), "index": index, "job": job, **rest}
    # A chief that trains too is the first worker by another name.
    rank = index + len(chief) if job == "worker" else index
    return {"workers": (*chief, *workers), "index": rank, "source": "TF_CONFIG"}


def _part(config: Mapping[str, Any], name: str, path: str = "") -> Any:
    if name not in config:
        close = nearest(name, config)
        hint = f"Did you mean {name!r} by {close[0]!r}?" if close else "Add it, or unset TF_CONFIG."
        raise ConfigError(f"TF_CONFIG has no {path + name!r}. {hint}")
    if not path and not isinstance(config[name], dict):
        raise ConfigError(f"TF_CONFIG: {name!r} must be an object. Received: {config[name]!r}.")
    return config[name]
