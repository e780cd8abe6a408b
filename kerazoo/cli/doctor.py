"""`kerazoo doctor`: what is here, what is missing, and how to get it."""

from __future__ import annotations

import kerazoo
from kerazoo.cli.output import Json, print_json, print_values
from kerazoo.cli.startup import load_tensorflow


def doctor(json: Json = False) -> None:
    """Show versions, devices, data, and what each extra lacks.

    Example: kerazoo doctor
    """
    load_tensorflow()
    found = kerazoo.inspect.environment()
    if json:
        print_json(found.to_dict())
        return
    print_values(
        {
            "python": found.python,
            "machine": found.machine,
            "processor": f"{found.processor}, {found.cores} cores",
            "instruction sets": ", ".join(found.instruction_sets) or "unknown",
            "devices": ", ".join(found.devices) or "none",
            "TPU": found.tpu,
            "cluster": found.cluster,
            **found.versions,
            **found.data,
            **{
                f"extra {extra!r}": f'lacks {", ".join(lacks)}: pip install "kerazoo[{extra}]"'
                for extra, lacks in found.missing_extras.items()
            },
            **{
                f"extra {extra!r}": f"not for this Python: needs {condition}"
                for extra, condition in found.unavailable_extras.items()
            },
        }
    )
