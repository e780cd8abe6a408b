from .cluster import Cluster, cluster_from_environment
from .heartbeat import beat
from .hosts import HostCommand, host_commands
from .launcher import launch
from .strategies import strategy

__all__ = [
    "Cluster",
    "HostCommand",
    "beat",
    "cluster_from_environment",
    "host_commands",
    "launch",
    "strategy",
]
