"""Holds what a YAML file says against a model, and tells in words what does not fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from kpi.written_numbers import number_meant
from kpi.yaml_syntax import glued_problem, without_space
from kpi.yaml_text import Document, Path, as_yaml, closest, nearest

Model = TypeVar("Model", bound=BaseModel)

_WORDS = {
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
}
_NUMBERS = ("int_type", "int_parsing", "float_type", "float_parsing")
_SHOULD = re.compile(r"^\w+ should")
# So many keys can be read in a message; more stand in the documentation.
_FEW = 8


@dataclass(frozen=True)
class Hints:
    """What a message may point to: words that people use for a key, and the page with all keys."""

    other_words: Mapping[str, str] = field(default_factory=dict)
    page: str = ""


_NO_HINTS = Hints()


def check_model(
    document: Document,
    model: type[Model],
    value: object,
    path: Path = (),
    instead: Mapping[str, Any] | None = None,
    hints: Hints = _NO_HINTS,
) -> Model | None:
    """The value at this path as a checked model; where it has problems all are noted.

    Then the model is None, or with `instead` made without the keys that are wrong: `instead` holds
    what stands in for required ones.
    """
    if not isinstance(value, Mapping):
        _refuse_no_mapping(document, model, value, path)
        return None if instead is None else model.model_validate(dict(instead))
    beside = note_beside(document, value, path, lambda outer, key: _is_below(model, outer, key))
    try:
        return model.model_validate(dict(value))
    except ValidationError as errors:
        found = errors.errors()
    _Check(document, path, hints).tell(
        _misfit(model, value, error) for error in found if not beside.intersection(error["loc"][:1])
    )
    if instead is None:
        return None
    wrong = {error["loc"][0] for error in found}
    sound = {key: item for key, item in value.items() if key not in wrong}
    return model.model_validate({**instead, **sound})


def note_beside(
    document: Document,
    value: Mapping[str, Any],
    path: Path,
    is_below: Callable[[str, str], bool],
) -> set[str]:
    """Keys that stand beside an empty one although they belong below it, and the empty one.

    `is_below` says whether the first key may hold the second, which has no place beside it. Each
    empty key is told once, together with all that belongs below it.
    """
    found: set[str] = set()
    empty, beside = "", []
    for key, item in (*value.items(), ("", "")):
        if empty and key and is_below(empty, key):
            beside.append(key)
            continue
        if beside:
            found.update((empty, *beside))
            named = " to ".join(f"'{each}'" for each in dict.fromkeys((beside[0], beside[-1])))
            what = f"'{empty}' is empty: what belongs below it stands beside it."
            fix = f"Indent the lines below {empty} ({named}) by two more."
            document.refuse((*path, empty), what, fix, at_key=True)
        empty, beside = (key if item is None else ""), []
    return found


def keys_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys that a model may have in a file, in order."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def _refuse_no_mapping(
    document: Document, model: type[BaseModel], value: object, path: Path
) -> None:
    required = [key for key, info in keys_of(model).items() if info.is_required()]
    fix = f"It needs: {', '.join(required)}."
    if not required:
        fix = f"Keys it may have: {', '.join(keys_of(model))}."
    what = "here a mapping is expected." if value is not None else f"'{path[-1]}' is empty."
    if isinstance(value, str) and (apart := without_space(value)):
        what, fix = glued_problem(apart[0])
    document.refuse(path, what, fix)


def _is_below(model: type[BaseModel], outer: str, key: str) -> bool:
    inner = _model_in(_field_type(model, outer))
    return inner is not None and key in keys_of(inner) and key not in keys_of(model)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model of a value, or of the items of a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) not in (list, Annotated, Union, UnionType):
        return None
    return next(filter(None, map(_model_in, get_args(annotation))), None)


@dataclass(frozen=True)
class _Misfit:
    """Something that a model refuses: the way to it, and the model and the mapping it stands in."""

    steps: Path
    owner: type[BaseModel] | None
    beside: Mapping[str, Any]
    kind: str
    error: Any

    @property
    def key(self) -> str:
        return str(next((step for step in reversed(self.steps) if isinstance(step, str)), ""))

    @property
    def name(self) -> str:
        last = self.steps[-1] if self.steps else ""
        return f"'{self.key}' (item {last + 1})" if isinstance(last, int) else f"'{self.key}'"

    @property
    def keys(self) -> dict[str, FieldInfo]:
        """The keys of the model that holds it."""
        return keys_of(self.owner) if self.owner else {}

    @property
    def field(self) -> FieldInfo | None:
        """What the model says of it, where it is a key of the model itself."""
        last = self.steps[-1] if self.steps else ""
        return self.keys.get(last) if isinstance(last, str) else None

    @property
    def is_empty(self) -> bool:
        return self.error["input"] is None or self.kind == "string_too_short"


class _Check:
    """Tells what a model refuses in the value at a path, each mistake once."""

    def __init__(self, document: Document, path: Path, hints: Hints) -> None:
        self.document = document
        self.path = path
        self.hints = hints

    def tell(self, misfits: Iterable[_Misfit]) -> None:
        """Notes all of them: a misspelt key is not missing too, a union is refused as a whole."""
        by_kind: dict[str, list[_Misfit]] = {}
        for misfit in misfits:
            by_kind.setdefault(misfit.kind, []).append(misfit)
        unknown = by_kind.pop("extra_forbidden", [])
        meant = {misfit.steps: self._meant(misfit) for misfit in unknown}
        explained = {(*steps[:-1], key) for steps, key in meant.items()}
        missing = [m for m in by_kind.pop("missing", []) if m.steps not in explained]
        for misfit in unknown:
            self._unknown(misfit, meant[misfit.steps], [m.steps for m in missing])
        for misfit in missing:
            where, what = misfit.steps[:-1], f"{misfit.name} is missing."
            is_item = bool(where) and isinstance(where[-1], int)
            self._refuse(where, what, _description(misfit), at_key=not is_item)
        others: dict[Path, list[_Misfit]] = {}
        for misfit in (m for some in by_kind.values() for m in some):
            others.setdefault(misfit.steps, []).append(misfit)
        for same in others.values():
            self._wrong(same)

    def _meant(self, misfit: _Misfit) -> str | None:
        """The key that an unknown one stands for: first of all one that is not there."""
        absent = [key for key in misfit.keys if key not in misfit.beside]
        word = self.hints.other_words.get(misfit.key.lower())
        if word in absent:
            return word
        return closest(misfit.key, absent) or closest(misfit.key, misfit.keys)

    def _unknown(self, misfit: _Misfit, meant: str | None, missing: list[Path]) -> None:
        fix = f"Did you mean '{meant}'?"
        if meant is None:
            still = [str(steps[-1]) for steps in missing if steps[:-1] == misfit.steps[:-1]]
            fix = f"Known keys: {', '.join(misfit.keys)}."
            if self.hints.page and len(misfit.keys) > _FEW:
                fix = f"{self.hints.page} explains all keys."
            if still:
                fix = f"Still missing: {', '.join(still)}. {fix}"
        self._refuse(misfit.steps, f"unknown key '{misfit.key}'.", fix, at_key=True)

    def _wrong(self, same: list[_Misfit]) -> None:
        """A value that does not fit, in as many ways as it might have."""
        first = same[0]
        if first.is_empty:
            fix = _description(first) or "Write its value behind it."
            self._refuse(first.steps, f"{first.name} is empty.", fix)
        elif first.kind == "literal_error":
            expected, given = first.error["ctx"]["expected"], first.error["input"]
            words = [word.strip("' ") for word in expected.replace(" or ", ",").split(",")]
            shown = given if isinstance(given, str) else as_yaml(given)
            what = f"{first.name} must be {expected}, not '{shown}'."
            self._refuse(first.steps, what, nearest(given, words))
        elif first.kind == "value_error":
            # What is said of a mapping as a whole has no key to name.
            named = f"{first.name}: " if first.steps else ""
            self._refuse(first.steps, f"{named}{first.error['ctx']['error']}.")
        else:
            said = [_WORDS.get(m.kind) or _SHOULD.sub("must", m.error["msg"]) for m in same]
            rest = (f" or {each.removeprefix('must be ')}" for each in dict.fromkeys(said[1:]))
            self._refuse(
                first.steps, f"{first.name} {said[0]}{''.join(rest)}.", self._meant_value(first)
            )

    def _meant_value(self, misfit: _Misfit) -> str:
        """How a value of another kind was probably meant, or an example of a good one."""
        written = self.document.written((*self.path, *misfit.steps))
        if misfit.kind == "model_type" and (apart := without_space(written)):
            return glued_problem(apart[0])[1]
        is_text = isinstance(misfit.error["input"], str)
        if is_text and misfit.kind in _NUMBERS and (number := number_meant(written)):
            quotes = " without quotes" if number == written else ""
            return f"Write it{quotes}: {number}."
        if misfit.field and misfit.field.examples:
            return f"For example: {as_yaml(misfit.field.examples[0])}."
        if misfit.kind != "string_type":
            return ""
        many = isinstance(misfit.error["input"], Mapping | list)
        return "Write one text." if many else "Put it in quotes."

    def _refuse(self, steps: Path, what: str, fix: str = "", *, at_key: bool = False) -> None:
        self.document.refuse((*self.path, *steps), what, fix, at_key=at_key)


def _description(misfit: _Misfit) -> str:
    """What a key holds, for somebody who has to write it."""
    info = misfit.field
    if info is None or not info.description:
        return f"Write '{misfit.key}:' and its value." if misfit.kind == "missing" else ""
    said = info.description
    if not said[:2].isupper():
        said = said[0].lower() + said[1:]
    example = f" For example: {misfit.key}: {as_yaml(info.examples[0])}." if info.examples else ""
    return f"It is {said}{example}"


def _misfit(model: type[BaseModel], value: Mapping[str, Any], error: Any) -> _Misfit:
    """A pydantic error as the file shows it.

    Its location has the names of union members, and the keys and lists that a short way to write
    a value leaves out; the file has neither.
    """
    steps: list[str | int] = []
    current: Any = model
    owner: type[BaseModel] | None = model
    raw: Any = value
    beside: Mapping[str, Any] = value
    for index, step in enumerate(error["loc"]):
        named = True
        if isinstance(current, type) and issubclass(current, BaseModel):
            owner = current
            current = _field_type(current, step)
        elif get_origin(current) in (dict, list, tuple, Mapping) or index == 0:
            arguments = [a for a in get_args(current) if a is not Ellipsis]
            current = arguments[-1] if arguments else None
        else:
            named = False
        if named and isinstance(raw, Mapping if isinstance(step, str) else list | tuple):
            steps.append(step)
            if isinstance(raw, Mapping):
                raw, beside = raw.get(step), raw
            else:
                raw = raw[step]
        current = _without_none(current)
    return _Misfit(tuple(steps), owner, beside, error["type"], error)


def _field_type(model: type[BaseModel], key: str | int) -> Any:
    info = keys_of(model).get(str(key))
    return info.annotation if info else None


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, UnionType):
        rest = [a for a in get_args(annotation) if a is not NoneType]
        annotation = rest[0] if len(rest) == 1 else annotation
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
