from .surroundings import Environment, environment

__all__ = ["Environment", "environment"]
