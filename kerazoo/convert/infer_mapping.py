"""Finds out which variable of a TensorFlow 1 checkpoint is which of a Keras model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import keras

from kerazoo.convert._tf1_checkpoint import model_variables, read_shapes
from kerazoo.convert._variable_words import Words, is_bookkeeping, words_of
from kerazoo.convert.name_mapping import NameMapping
from kerazoo.errors import ConversionError

Found = dict[str, tuple[str, str]]


def infer_mapping(
    prefix: str | os.PathLike[str], model: keras.Model, given: Mapping[str, str] | None = None
) -> NameMapping:
    """A variable of the checkpoint for each of the model's, by shape and name. Nothing is loaded.

    A pair is made where only one variable has the shape; else where kind and words of the names
    tell them apart ("weights", "W" and "filter" are kernels); where a variable of the same layer
    was found in the same scope; and last, for names that differ in their numbers only, in the
    order of the numbers. What is left then is not guessed.

    Args:
        prefix: of the checkpoint, as it was given to `Saver.save` with the step: "model.ckpt-1000".
        model: built.
        given: pairs that are known, path of the model's variable -> name in the checkpoint.

    Returns: the pairs; `.pairs` is what `from_tf1_checkpoint` takes as `mapping`.

    Raises:
        ConversionError: the checkpoint cannot be read; no variable fits, or several do; they are
            listed.

    >>> import keras, kerazoo, tensorflow as tf
    >>> old = {"W": tf.Variable(tf.ones((4, 2))), "b": tf.Variable(tf.zeros(2))}
    >>> prefix = tf.compat.v1.train.Saver(old).save(None, "model.ckpt", global_step=1000)
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="d")], name="old")
    >>> print(kerazoo.convert.infer_mapping("model.ckpt-1000", model))
    model         checkpoint  shape  found by
    old/d/kernel  W           4x2    only one of this shape
    old/d/bias    b           2      only one of this shape
    """
    shapes = read_shapes(prefix)
    variables = {path: tuple(v.shape) for path, v in model_variables(model).items()}
    found = _checked(given or {}, variables, shapes)
    names = {name for name in shapes if not is_bookkeeping(name, set(shapes))}
    search = _Search(variables, {name: shapes[name] for name in sorted(names)}, found)
    search.run()
    pairs = {path: search.found[path][0] for path in variables}
    return NameMapping(
        pairs,
        variables,
        {path: search.found[path][1] for path in variables},
        tuple(sorted(names - set(pairs.values()))),
    )


def _checked(given: Mapping[str, str], variables: dict[str, Any], shapes: dict[str, Any]) -> Found:
    for path, name in given.items():
        if path not in variables:
            raise ConversionError(
                f"`mapping`: the model has no variable {path!r}. It has {', '.join(variables)}."
            )
        if name not in shapes:
            raise ConversionError(
                f"`mapping`: the checkpoint has no variable {name!r}. It has {', '.join(shapes)}."
            )
        if shapes[name] != variables[path]:
            raise ConversionError(
                f"`mapping`: {path!r} has the shape {variables[path]}, the checkpoint's {name!r} "
                f"{shapes[name]}."
            )
    return {path: (name, "given") for path, name in given.items()}


class _Search:
    """Pairs of variables, made one after the other until nothing is left or open."""

    def __init__(self, variables: dict[str, Any], shapes: dict[str, Any], found: Found):
        self.variables, self.shapes, self.found = variables, shapes, dict(found)
        self.words = {name: words_of(name) for name in [*variables, *shapes]}

    def run(self) -> None:
        rules = (self._by_shape, self._by_name, self._by_scope, self._by_number)
        while self._open():
            if not any(rule() for rule in rules):
                raise self._ambiguity()

    def _open(self) -> list[str]:
        return [path for path in self.variables if path not in self.found]

    def _candidates(self, path: str) -> list[str]:
        """Those of the same shape, of a kind that does not contradict, that are not taken."""
        taken = {name for name, _ in self.found.values()}
        kind = self.words[path].kind
        same = [
            name
            for name, shape in self.shapes.items()
            if shape == self.variables[path]
            and name not in taken
            and self.words[name].kind in (kind, "")
        ]
        exact = [name for name in same if self.words[name].kind == kind]
        rivals = [p for p in self._open() if self.variables[p] == self.variables[path]]
        others = {self.words[p].kind for p in rivals}
        # A nameless one is for a kind that has names only if nothing else has its shape.
        return exact if exact and len(others) == 1 else same

    def _by_shape(self) -> bool:
        """One candidate, which is nobody else's."""
        choices = {path: self._candidates(path) for path in self._open()}
        for path, names in choices.items():
            if not names:
                raise ConversionError(
                    f"The checkpoint has no variable for {path!r} {self.variables[path]} of the "
                    f"model that is not taken. It has {self._listed(self.shapes)}."
                )
            if len(names) == 1 and sum(names[0] in others for others in choices.values()) == 1:
                self.found[path] = (names[0], self._why_alone(path))
                return True
        return False

    def _why_alone(self, path: str) -> str:
        alone = list(self.shapes.values()).count(self.variables[path]) == 1
        return "only one of this shape" if alone else "name"

    def _by_name(self) -> bool:
        """The pair's words have more in common than each has with any other's."""
        choices = {path: self._candidates(path) for path in self._open()}
        for path, names in choices.items():
            rivals = [other for other in choices if set(choices[other]) & set(names)]
            best = _only_best(names, lambda name, path=path: self._common(path, name))
            if best and path == _only_best(
                rivals, lambda rival, best=best: self._common(rival, best)
            ):
                self.found[path] = (best, "name")
                return True
        return False

    def _common(self, path: str, name: str) -> tuple[bool, int]:
        mine, theirs = self.words[path], self.words[name]
        return mine.kind == theirs.kind, len(mine.words & theirs.words)

    def _by_scope(self) -> bool:
        """The only candidate in a scope where another variable of the layer was found."""
        for path in self._open():
            scopes = {
                self.words[name].scope
                for other, (name, _) in self.found.items()
                if self.words[other].scope == self.words[path].scope
            } - {""}
            inside = [n for n in self._candidates(path) if self.words[n].scope in scopes]
            if len(inside) == 1:
                self.found[path] = (inside[0], "same scope")
                return True
        return False

    def _by_number(self) -> bool:
        """As many candidates as variables, alike but for numbers that count up."""
        for path in self._open():
            names = self._candidates(path)
            rivals = [other for other in self._open() if self._candidates(other) == names]
            if len(rivals) != len(names):
                continue
            ordered = sorted(names, key=lambda name: self.words[name].numbers)
            if _counts_up([self.words[one] for one in rivals]) and _counts_up(
                [self.words[one] for one in ordered]
            ):
                for one, name in zip(rivals, ordered, strict=True):
                    self.found[one] = (name, "number")
                return True
        return False

    def _ambiguity(self) -> ConversionError:
        path, *others = self._open()
        more = f" {len(others)} more are open: {self._listed(others)}." if others else ""
        return ConversionError(
            f"Which variable of the checkpoint is {path!r} {self.variables[path]}? Candidates: "
            f"{self._listed(self._candidates(path))}. Say it: mapping={{{path!r}: ...}}; what it "
            f"leaves out is still inferred.{more}"
        )

    @staticmethod
    def _listed(names: Any) -> str:
        names = list(names)
        return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _only_best(names: list[str], score: Any) -> str | None:
    """The one of the highest score, if it is the only one and shares a word."""
    ranked = sorted(names, key=score, reverse=True)
    if not ranked or score(ranked[0])[1] == 0:
        return None
    return ranked[0] if len(ranked) == 1 or score(ranked[1]) < score(ranked[0]) else None


def _counts_up(names: list[Words]) -> bool:
    """Whether the names, in this order, have the same words and rising numbers."""
    alike = len({(one.kind, one.words) for one in names}) == 1
    numbers = [one.numbers for one in names]
    return alike and all(a < b for a, b in pairwise(numbers))
