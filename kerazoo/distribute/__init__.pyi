from .cluster import Cluster, cluster_from_environment
from .heartbeat import beat
from .hosts import HostCommand, host_commands
from .keras_trainer import prepare
from .launcher import launch
from .parameter_server import AsynchronousLoop
from .serving import serve
from .strategies import strategy

__all__ = [
    "AsynchronousLoop",
    "Cluster",
    "HostCommand",
    "beat",
    "cluster_from_environment",
    "host_commands",
    "launch",
    "prepare",
    "serve",
    "strategy",
]
