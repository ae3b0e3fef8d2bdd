"""Holds what a YAML file says against a model, and tells in words what does not fit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from kpi.yaml_text import Document, Path, nearest

Model = TypeVar("Model", bound=BaseModel)

_WORDS = {
    "missing": "is missing",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "date_from_datetime_parsing": "must be a date such as 2026-11-21",
    "date_type": "must be a date such as 2026-11-21",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "string_too_short": "must not be empty",
}


_SHOULD = re.compile(r"^\w+ should")


def check_model(
    document: Document,
    model: type[Model],
    value: object,
    path: Path = (),
    instead: Mapping[str, Any] | None = None,
) -> Model | None:
    """The value at this path as a checked model; where it has problems all are noted.

    Then the model is None, or with `instead` made without the keys that are wrong: `instead` holds
    what stands in for required ones.
    """
    if not isinstance(value, Mapping):
        wanted = ", ".join(info.alias or key for key, info in model.model_fields.items())
        fix = f"Keys it may have: {wanted}."
        # Nothing stands behind its key only, and is placed there.
        document.refuse(path, "here a mapping is expected.", fix, at_key=value is None)
        return None if instead is None else model.model_validate(dict(instead))
    try:
        return model.model_validate(dict(value))
    except ValidationError as errors:
        for error in errors.errors():
            _note(document, model, error, path)
        if instead is None:
            return None
        wrong = {error["loc"][0] for error in errors.errors()}
        sound = {key: item for key, item in value.items() if key not in wrong}
        return model.model_validate({**instead, **sound})


def _note(document: Document, model: type[BaseModel], error: Any, path: Path) -> None:
    steps, owner = _real_steps(model, error["loc"])
    where: Path = (*path, *steps)
    key = str(next((step for step in reversed(steps) if isinstance(step, str)), ""))
    place_in_list = f" (item {steps[-1] + 1})" if steps and isinstance(steps[-1], int) else ""
    name = f"'{key}'{place_in_list}"
    if error["type"] == "extra_forbidden":
        known = list(owner.model_fields) if owner else []
        names = [owner.model_fields[k].alias or k for k in known] if owner else []
        fix = nearest(key, names) or f"Known keys: {', '.join(names)}."
        document.refuse(where, f"unknown key '{key}'.", fix, at_key=True)
    elif error["type"] == "missing":
        document.refuse(where[:-1], f"'{key}' is missing.", at_key=True)
    elif error["type"] == "literal_error":
        expected = error["ctx"]["expected"]
        words = [word.strip("' ") for word in expected.replace(" or ", ",").split(",")]
        given = error["input"]
        fix = nearest(given, words)
        document.refuse(where, f"{name} must be {expected}, not '{given}'.", fix)
    elif error["type"] == "value_error":
        document.refuse(where, f"{name}: {error['ctx']['error']}.")
    else:
        says = _WORDS.get(error["type"]) or _SHOULD.sub("must", error["msg"])
        document.refuse(where, f"{name} {says}.")


def _real_steps(model: type[BaseModel], loc: Path) -> tuple[Path, type[BaseModel] | None]:
    """A pydantic location without the names of union members, and the model that holds its end."""
    steps: list[str | int] = []
    current: Any = model
    owner: type[BaseModel] | None = model
    for index, step in enumerate(loc):
        if isinstance(current, type) and issubclass(current, BaseModel):
            owner = current
            steps.append(step)
            current = _field_type(current, step)
        elif get_origin(current) in (dict, list, tuple, Mapping) or index == 0:
            steps.append(step)
            arguments = [a for a in get_args(current) if a is not Ellipsis]
            current = arguments[-1] if arguments else None
        # Anything else is the name of a union's member, which the file does not hold.
        current = _without_none(current)
    return tuple(steps), owner


def _field_type(model: type[BaseModel], key: str | int) -> Any:
    for name, info in model.model_fields.items():
        if key in (name, info.alias):
            return info.annotation
    return None


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, UnionType):
        rest = [a for a in get_args(annotation) if a is not NoneType]
        annotation = rest[0] if len(rest) == 1 else annotation
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
