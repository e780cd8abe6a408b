"""Whether a model is being written as a file for TFLite, which layers may have to know.

What is traced within `with exporting():` goes to TFLite's converter.
"""

from __future__ import annotations

from kerazoo.compress._switch import Switch

_switch = Switch("kerazoo_is_exporting")
exporting, is_exporting = _switch.on, _switch.is_on
