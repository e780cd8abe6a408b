"""Tasks: what a zoo model is for, and what a person wants of it: answers, figures, pictures.

A model's `task` names one. Most models give what is asked, scores or values: `Task` itself does for
them. Others need more: `deployed` turns what a detector was trained to give into boxes, and so on.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
