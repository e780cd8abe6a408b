"""`kerazoo launch`: several workers on this machine, or the commands for several machines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import kerazoo
from kerazoo import atomic
from kerazoo.cli.agents import refuse
from kerazoo.cli.output import Json, print_json
from kerazoo.errors import ConfigError

Command = Annotated[
    list[str], typer.Argument(help="A kerazoo command line, or any program; after `--`.")
]


def launch(
    command: Command,
    workers: Annotated[
        int | None, typer.Option(help="Processes on this machine; 2 if absent.")
    ] = None,
    devices_per_worker: Annotated[
        int | None, typer.Option(help="GPUs for each; equal shares if absent.")
    ] = None,
    restarts: Annotated[
        int | None,
        typer.Option(help="Times that all start again, from the last checkpoint; 0 if absent."),
    ] = None,
    progress_timeout: Annotated[
        float | None,
        typer.Option(help="Seconds without a step after which all hang, 0: never; 600 if absent."),
    ] = None,
    stop_timeout: Annotated[
        float | None,
        typer.Option(help="Seconds to save and end in, after Ctrl-C or SIGTERM; 30 if absent."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Of each worker; equal shares of the cores if absent.")
    ] = None,
    hosts: Annotated[
        str | None, typer.Option(help="Start nothing: print what to run on these, as a,b,c.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Of the hosts; 12000 if absent.")] = None,
    output_dir: Annotated[
        str | None, typer.Option(help="For scripts of the hosts, instead of printing.")
    ] = None,
    json: Json = False,
) -> int:
    """Train one model in several processes, restarted together.

    They end together as well. Exit code: that of the worker that failed first; 75 if all hung; 130
    after Ctrl-C.

    Example: kerazoo launch --workers 2 --restarts 3 -- train mnist_cnn --epochs 3
    """
    on_this_machine = {
        "workers": workers,
        "devices_per_worker": devices_per_worker,
        "restarts": restarts,
        "progress_timeout": progress_timeout,
        "stop_timeout": stop_timeout,
        "threads": threads,
    }
    if hosts is not None:
        options = {f"--{name.replace('_', '-')}": each for name, each in on_this_machine.items()}
        refuse("--hosts, where each host starts one worker", options)
        names = [host.strip() for host in hosts.split(",")]
        if any(len(name.split()) > 1 for name in names):
            raise ConfigError(f"--hosts takes names with commas, such as a,b. Received: {hosts!r}.")
        _tell_hosts(command, names, port=port or 12_000, output_dir=output_dir, json=json)
        return 0
    if output_dir is not None or port is not None or json:
        raise ConfigError(
            "--output-dir, --port and --json go with --hosts. Those of the command go after `--`."
        )
    given: dict[str, Any] = {k: value for k, value in on_this_machine.items() if value is not None}
    if progress_timeout == 0:
        given["progress_timeout"] = None
    return kerazoo.distribute.launch(command, **given)


def _tell_hosts(
    command: list[str], hosts: list[str], *, port: int, output_dir: str | None, json: bool
) -> None:
    found = kerazoo.distribute.host_commands(command, hosts, port=port)
    if json:
        print_json(
            [
                {"host": each.host, "environment": each.environment, "command": each.command}
                for each in found
            ]
        )
    elif output_dir is None:
        for each in found:
            typer.echo(f"# {each.host}\n{each.line}")
    else:
        for each in found:
            path = Path(output_dir) / f"{each.host.replace(':', '_')}.sh"
            atomic.write_text(path, f"#!/bin/sh\n{each.line}\n")
            path.chmod(0o755)
            typer.echo(path)
