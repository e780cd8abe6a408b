"""The command of each host, for machines that are started by hand or by a tool of your own."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from kerazoo.distribute.cluster import Cluster
from kerazoo.distribute.launcher import KERAZOO_COMMANDS
from kerazoo.distribute.variables import with_port
from kerazoo.errors import ConfigError


@dataclass(frozen=True)
class HostCommand:
    """What to run on one host.

    Attributes:
        host: as it was given.
        environment: variables to set.
        command: program and arguments.

    >>> import kerazoo
    >>> kerazoo.distribute.HostCommand("a", {"SEED": "1"}, ["kerazoo", "train", "mnist_cnn"]).line
    'SEED=1 kerazoo train mnist_cnn'
    """

    host: str
    environment: dict[str, str]
    command: list[str]

    @property
    def line(self) -> str:
        """All of it for a POSIX shell."""
        variables = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        return " ".join([*variables, shlex.join(self.command)])


def host_commands(
    argv: Sequence[str], hosts: Sequence[str], *, port: int = 12_000
) -> list[HostCommand]:
    """One worker per host: what to run on each. The first is the chief, which writes the files.

    Args:
        argv: as for `kerazoo.distribute.launch`.
        hosts: names or addresses by which they reach each other; "host:port" for a port of its own,
            "[::1]:port" where the address is one of IPv6.
        port: of all others, 1 to 65535.

    Raises:
        ConfigError: an address is none or stands there twice, or there is no command.

    >>> import kerazoo
    >>> commands = kerazoo.distribute.host_commands(["train", "mnist_cnn"], ["a", "b"])
    >>> print(commands[1].line)  # doctest: +ELLIPSIS
    TF_CONFIG='{"cluster": {"worker": ["a:12000", "b:12000"]}, ... kerazoo train mnist_cnn
    """
    if not argv:
        raise ConfigError(
            "There is no command to run on the hosts. Add it, such as `train mnist_cnn`."
        )
    if not hosts:
        raise ConfigError("There are no hosts. Name them, such as `a,b`.")
    addresses = tuple(with_port(host, port) for host in hosts)
    command = ["kerazoo", *argv] if argv[0] in KERAZOO_COMMANDS else list(argv)
    return [
        HostCommand(
            host,
            {"TF_CONFIG": Cluster(addresses, index, source="The hosts").tf_config()},
            command,
        )
        for index, host in enumerate(hosts)
    ]
