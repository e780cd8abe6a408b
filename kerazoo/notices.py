"""Lines that a user should see once: fallbacks, missing devices, weights left out.

They go to the logger "kerazoo" as warnings, which Python prints to stderr unless told otherwise, so
a program can silence, collect or redirect them with the standard `logging` module.
"""

from __future__ import annotations

import logging

logger = logging.getLogger("kerazoo")
_said: set[str] = set()


def notice(text: str) -> None:
    """Say `text` to the user, once in this process."""
    if text not in _said:
        _said.add(text)
        logger.warning(text)
