"""Ports for the workers of one machine that nobody else gets, from their choice to the last use."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator


@contextlib.contextmanager
def reserved_ports(count: int) -> Iterator[list[int]]:
    """`count` free TCP ports; inside, only servers that share their port can have them.

    A port that is found free and let go may be somebody else's before its server starts. So these
    stay bound, by sockets that listen to nothing, with SO_REUSEPORT; TensorFlow's servers join
    them when TF_GRPC_REUSE_PORT is true. Two launchers are given different ports: the kernel
    chooses no port that is bound, shared or not.
    """
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            each.bind(("", 0))
        yield [each.getsockname()[1] for each in sockets]
