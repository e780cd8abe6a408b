"""Knowledge distillation: losses as their papers define them, a `Distiller`, a teacher's cache."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
