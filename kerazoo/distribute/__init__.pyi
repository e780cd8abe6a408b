from .cluster import Cluster, cluster_from_environment
from .heartbeat import beat
from .strategies import strategy

__all__ = ["Cluster", "beat", "cluster_from_environment", "strategy"]
