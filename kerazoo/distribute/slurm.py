"""A Slurm step as a cluster: one worker per task, in the order of Slurm's ranks.

`srun` sets the variables that are read here (https://slurm.schedmd.com/srun.html). A batch script
outside of `srun` is one process whatever the job has reserved, and so no cluster.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product
from typing import Any

from kerazoo.distribute.variables import first_port, integer
from kerazoo.errors import ConfigError

_MOST_HOSTS = 100_000  # a range with a digit too many would fill the memory


def step(environ: Mapping[str, str]) -> dict[str, Any] | None:
    """The step that this process is a task of, as a `Cluster`'s fields; None outside, or alone."""
    in_a_step = "SLURM_STEP_ID" in environ or "SLURM_STEP_NODELIST" in environ
    if not in_a_step or "SLURM_PROCID" not in environ:
        return None
    tasks_name, tasks = _either(environ, "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS")
    if integer({tasks_name: tasks}, tasks_name) < 2:
        return None
    hosts = expand_hosts(*_either(environ, "SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST"))
    name, text = _either(environ, "SLURM_STEP_TASKS_PER_NODE", "SLURM_TASKS_PER_NODE")
    counts = _expand_counts(name, text)
    if len(counts) != len(hosts) or sum(counts) != int(tasks):
        raise ConfigError(
            f"{name}={text!r} and {tasks_name}={tasks!r} do not fit the {len(hosts)} nodes of the "
            f"step. Start the tasks with one plain `srun`."
        )
    port = first_port(environ, _job_port(environ))
    places = [
        (host, local) for host, count in zip(hosts, counts, strict=True) for local in range(count)
    ]
    rank = integer(environ, "SLURM_PROCID")
    if rank >= len(places):
        raise ConfigError(f"SLURM_PROCID is {rank}, but the step has {len(places)} tasks.")
    _check_place(environ, hosts.index(places[rank][0]), places[rank][1])
    workers = tuple(f"{host}:{port + local}" for host, local in places)
    return {"workers": workers, "index": rank, "source": "Slurm"}


def expand_hosts(name: str, text: str) -> list[str]:
    """The hosts of a Slurm list: "n[1-2],m[05,07-08]x" to n1, n2, m05x, m07x, m08x.

    Raises:
        ConfigError: it is no such list; `name` is what the line calls it.
    """
    hosts: list[str] = []
    for part in re.split(r",(?![^\[]*\])", text.strip()):  # commas outside of brackets
        if not re.fullmatch(r"(?:[^\[\],\s]+|\[[^\[\]]+\])+", part):
            raise _wrong(name, text)
        pieces = re.findall(r"[^\[\]]+|\[[^\[\]]+\]", part)
        choices = [_numbers(name, text, p[1:-1]) if p[0] == "[" else [p] for p in pieces]
        hosts += ["".join(choice) for choice in product(*choices)]
    return hosts


def _numbers(name: str, text: str, bracket: str) -> list[str]:
    """ "1,05-07" to 1, 05, 06, 07: as many digits as the first number of a range has."""
    numbers: list[str] = []
    for part in bracket.split(","):
        match = re.fullmatch(r"([0-9]+)(?:-([0-9]+))?", part)
        if not match:
            raise _wrong(name, text)
        first, last = match[1], match[2] or match[1]
        if not 0 <= int(last) - int(first) < _MOST_HOSTS:
            raise _wrong(name, text)
        numbers += [str(n).zfill(len(first)) for n in range(int(first), int(last) + 1)]
    return numbers


def _expand_counts(name: str, text: str) -> list[int]:
    """ "2(x3),1" to 2, 2, 2, 1."""
    counts: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"([0-9]{1,6})(?:\(x([0-9]{1,6})\))?", part.strip())
        if not match:
            raise _wrong(name, text)
        counts += [int(match[1])] * int(match[2] or 1)
    return counts


def _job_port(environ: Mapping[str, str]) -> int:
    """Jobs that share a node get different ports: ten for each of 2,000 job numbers."""
    return 12_000 + integer(environ, "SLURM_JOB_ID", 0) % 2_000 * 10


def _check_place(environ: Mapping[str, str], node: int, local: int) -> None:
    """Ranks that go round the nodes would look for each other at wrong addresses, and hang."""
    stated = integer(environ, "SLURM_NODEID", node), integer(environ, "SLURM_LOCALID", local)
    if stated != (node, local):
        raise ConfigError(
            f"Slurm put this task on node {stated[0]} as its task {stated[1]}; in blocks it would "
            f"be on node {node} as task {local}. Start the tasks with `srun --distribution=block`."
        )


def _either(environ: Mapping[str, str], *names: str) -> tuple[str, str]:
    for name in names:
        if name in environ:
            return name, environ[name]
    raise ConfigError(
        f"This is a task of Slurm, but {' and '.join(names)} are not set. Use `srun`."
    )


def _wrong(name: str, text: str) -> ConfigError:
    return ConfigError(f"{name} cannot be read. Received: {text!r}.")
