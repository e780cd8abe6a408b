"""A SavedModel in memory, called in one way whatever form it was published in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerazoo.errors import ConfigError, HubError
from kerazoo.foreign.saved_model_files import TF1_MARK
from kerazoo.hub.cache import Located


class LoadedModel:
    """The function of a SavedModel that a layer calls, its variables and its losses.

    Three forms are published: objects that can be called (the reusable interface of TensorFlow 2),
    plain signatures, and TF1 Hub format, which has signatures and the mark `tfhub_module.pb`.

    Args:
        located: where its files are; scanned already.
        signature: the signature to call; None calls the object itself, the signature "default" in
            TF1 Hub format, or the only signature that there is.
        named: what error messages call it.

    Raises:
        HubError: TensorFlow cannot load it, or it has nothing to call.
        ConfigError: no such signature.
    """

    def __init__(self, located: Located, signature: str | None, named: str) -> None:
        self.named = named
        self.is_tf1 = (located.folder / TF1_MARK).is_file()
        self.loaded = _load(located, self.is_tf1, named)
        self.signature = self._chosen(signature)
        self.function = (
            self.loaded.signatures[self.signature] if self.signature else self.loaded.__call__
        )
        self.takes_training = self.signature is None and _takes_training(self.function)

    @property
    def variables(self) -> list[Any]:
        """Those that the object lists, else those that its function captures."""
        listed = list(getattr(self.loaded, "variables", None) or _captured(self.function))
        known = {id(variable) for variable in listed}
        trained = getattr(self.loaded, "trainable_variables", None) or []
        listed += [variable for variable in trained if id(variable) not in known]
        return [variable for variable in listed if variable.dtype.name != "string"]

    def is_trainable(self, variable: Any) -> bool:
        """Whether it was published as one to be trained."""
        listed = getattr(self.loaded, "trainable_variables", None)
        if listed:
            return any(variable is one for one in listed)
        return bool(variable.trainable)

    @property
    def losses(self) -> list[tuple[Any, list[Any]]]:
        """Functions without arguments, each giving a scalar to be added to the loss, and the
        variables that each depends on."""
        if self.signature:
            return []
        losses = getattr(self.loaded, "regularization_losses", None) or []
        return [(loss, _captured(loss)) for loss in losses if callable(loss)]

    @property
    def input_specs(self) -> list[Any]:
        """Structures of `tf.TensorSpec` that it was published for; empty where it does not say."""
        if self.signature:
            return [dict(self.function.structured_input_signature[1])]
        signatures = [one.structured_input_signature for one in _concrete(self.function)]
        return [args[0] for args, _ in signatures if args]

    @property
    def takes_texts(self) -> bool:
        """Whether its first input is strings."""
        import tensorflow as tf

        specs = [spec for specs in self.input_specs for spec in tf.nest.flatten(specs)[:1]]
        return any(getattr(spec, "dtype", None) == tf.string for spec in specs)

    def __call__(self, inputs: Any, *, training: bool, arguments: Mapping[str, Any]) -> Any:
        """Its outputs, in its own structure.

        Raises:
            DataError: the inputs are not what it was published for.
        """
        from kerazoo.hub.model_inputs import for_object, for_signature, not_taken

        if self.signature:
            return self.function(**for_signature(self, inputs, arguments))
        options = dict(arguments)
        if self.takes_training:
            options.setdefault("training", training)
        inputs = for_object(self, inputs)
        try:
            return self.function(inputs, **options)
        except (ValueError, TypeError) as error:
            raise not_taken(self, inputs, options, error) from error

    def _chosen(self, signature: str | None) -> str | None:
        known = [
            name
            for name in getattr(self.loaded, "signatures", {})
            if name != "__saved_model_init_op"
        ]
        if signature is not None:
            if signature not in known:
                raise ConfigError(
                    f"{self.named} has no signature {signature!r}. It has: "
                    f"{', '.join(sorted(known)) or 'none'}."
                )
            return signature
        if callable(self.loaded):
            return None
        if self.is_tf1 and "default" in known:
            return "default"
        if len(known) == 1:
            return known[0]
        if not known:
            raise HubError(f"{self.named} can neither be called nor has it signatures.")
        if set(known) == {"serve", "serving_default"}:  # Keras 3 writes one function twice
            return "serve"
        raise ConfigError(
            f"{self.named} has several signatures; choose one by `signature`: "
            f"{', '.join(sorted(known))}."
        )


def _load(located: Located, is_tf1: bool, named: str) -> Any:
    import tensorflow as tf

    try:
        return tf.saved_model.load(str(located.folder), tags=[] if is_tf1 else None)
    except Exception as error:  # the loader raises whatever its parts do
        text = " ".join(str(error).split())
        if "Op type not registered" in text:
            text = f"{text[:200]} Import the package that it belongs to, as tensorflow_text."
        raise HubError(f"TensorFlow cannot load {named}: {text[:400]}") from error


def _concrete(function: Any) -> list[Any]:
    """The traces of a function; the function itself where it is one."""
    if hasattr(function, "structured_input_signature"):
        return [function]
    return list(getattr(function, "concrete_functions", []))


def _captured(function: Any) -> list[Any]:
    found: dict[int, Any] = {}
    for concrete in _concrete(function):
        for variable in concrete.variables:
            found.setdefault(id(variable), variable)
    return list(found.values())


def _takes_training(function: Any) -> bool:
    specification = getattr(function, "function_spec", None)
    if specification is None:
        return False
    names = specification.fullargspec
    return "training" in [*names.args, *names.kwonlyargs]
