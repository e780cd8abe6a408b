"""Looking inside: the environment that kerazoo runs in."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"surroundings": ["Environment", "environment"]}
)
