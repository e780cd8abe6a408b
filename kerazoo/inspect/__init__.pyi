from .dataflow import GRAPH_FORMATS, Graph
from .graph import graph
from .graph_changes import GraphChanges
from .graph_parts import Edge, Node, Tensor, Variable
from .layer_profile import LayerProfile, Profile
from .profile import profile
from .surroundings import Environment, environment

__all__ = [
    "GRAPH_FORMATS",
    "Edge",
    "Environment",
    "Graph",
    "GraphChanges",
    "LayerProfile",
    "Node",
    "Profile",
    "Tensor",
    "Variable",
    "environment",
    "graph",
    "profile",
]
