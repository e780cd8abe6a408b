"""Numbers in environment variables, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kerazoo.errors import ConfigError


def integer(environ: Mapping[str, str], name: str, default: int | None = None) -> int:
    """The number in a variable; `default` where it is not set.

    Raises:
        ConfigError: it is no number of 0 or above, or missing without a default.
    """
    text = environ.get(name, "" if default is None else str(default))
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ConfigError(f"{name} must be a whole number of 0 or above. Received: {text!r}.")
    return int(text)


def first_port(environ: Mapping[str, str], default: int) -> int:
    """KERAZOO_PORT, or `default`."""
    port = integer(environ, "KERAZOO_PORT", default)
    if not 1024 <= port <= 65535:
        raise ConfigError(f"KERAZOO_PORT must be 1024 to 65535. Received: {port}.")
    return port


def with_port(host: str, port: int) -> str:
    """The address of a host, which may name a port of its own.

    >>> with_port("a", 1), with_port("a:2", 1), with_port("fd00::7", 1), with_port("[fd00::7]:2", 1)
    ('a:1', 'a:2', '[fd00::7]:1', '[fd00::7]:2')
    """
    if host.count(":") > 1 and not host.startswith("["):
        return f"[{host}]:{port}"
    return host if ":" in host.rpartition("]")[2] else f"{host}:{port}"
