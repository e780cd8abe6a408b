"""Losses by plain names, as a recipe or a command line gives them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import keras

from kerazoo.distill.attention_transfer import AttentionTransfer
from kerazoo.distill.contrastive_representation import ContrastiveRepresentation
from kerazoo.distill.decoupled_distillation import DecoupledDistillation
from kerazoo.distill.dist import DIST
from kerazoo.distill.feature_distillation import FeatureDistillation
from kerazoo.distill.logits_distillation import LogitsDistillation
from kerazoo.distill.relational_distillation import RelationalDistillation
from kerazoo.distill.similarity_preserving import SimilarityPreserving
from kerazoo.errors import ConfigError, unknown_name

LOSSES = {
    "logits": LogitsDistillation,
    "decoupled": DecoupledDistillation,
    "dist": DIST,
    "features": FeatureDistillation,
    "attention": AttentionTransfer,
    "similarity": SimilarityPreserving,
    "relational": RelationalDistillation,
    "contrastive": ContrastiveRepresentation,
}


def loss_from_name(spec: str | Mapping[str, Any]) -> keras.distillation.DistillationLoss:
    """A loss from "logits", or from {"name": "logits", "temperature": 4.0}.

    Names: the keys of `LOSSES`, or a class's own name in snake_case ("logits_distillation").

    Raises:
        kerazoo.errors.UnknownNameError: no loss, or no argument of the loss, has this name.
        kerazoo.errors.ConfigError: an argument breaks its rule, or is missing.
    """
    arguments: dict[str, Any] = {"name": spec} if isinstance(spec, str) else dict(spec)
    name = arguments.pop("name", None)
    known = LOSSES | {_snake_case(loss.__name__): loss for loss in LOSSES.values()}
    if name not in known:
        raise unknown_name("distillation loss", name, known)
    parameters = inspect.signature(known[name]).parameters
    for argument in arguments:
        if argument not in parameters:
            raise unknown_name(f"argument of the distillation loss {name!r}:", argument, parameters)
    for parameter in parameters.values():
        if parameter.default is parameter.empty and parameter.name not in arguments:
            raise ConfigError(f"The distillation loss {name!r} needs `{parameter.name}`.")
    return known[name](**arguments)


def _snake_case(name: str) -> str:
    """ "LogitsDistillation" to "logits_distillation", "DIST" to "dist"."""
    if name.isupper():
        return name.lower()
    return "".join("_" + c.lower() if c.isupper() else c for c in name).removeprefix("_")
