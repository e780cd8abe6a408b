"""Whether ranges are being observed outside of training.

Within `with calibrating():` models called in inference mode observe the ranges of their
activations. Functions compiled outside keep what they were compiled with: call the model itself.
"""

from __future__ import annotations

from kerazoo.compress._switch import Switch

_switch = Switch("kerazoo_is_calibrating")
calibrating, is_calibrating = _switch.on, _switch.is_on
