"""A YAML file as plain values that remember their lines, and pydantic errors by line.

``${NAME}`` and ``${NAME:-default}`` come from the environment that the caller hands in. A variable
that is missing or empty, and has no default, becomes an `Unset`: a `Credential` field keeps it
until a run needs it, any other field refuses it.
"""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import ErrorDetails, PydanticCustomError, core_schema

from tajo_sf_pipeline.errors import ConfigurationError

Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Unset:
    """A ``${NAME}`` whose variable the environment lacks."""

    variable: str


@dataclass(frozen=True, slots=True, repr=False)
class Credential:
    """A value that only a run needs: known, or the name of the variable that would give it.

    Neither `repr` nor `str` shows it (S14).
    """

    value: str | None
    variable: str | None = None

    def reveal(self) -> str:
        """Return the value; raise `ConfigurationError` naming the variable that is not set."""
        if self.value is None:
            raise ConfigurationError(
                "TAJO-104",
                f"the environment variable {self.variable} is not set",
                f"Set {self.variable}, or write it into the .env file beside tajo.yaml.",
            )
        return self.value

    def __repr__(self) -> str:
        return "Credential(***)" if self.value is not None else f"Credential(${self.variable})"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._parse, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string"}

    @classmethod
    def _parse(cls, value: object) -> Self:
        match value:
            case Credential():
                return cls(value.value, value.variable)
            case Unset():
                return cls(None, value.variable)
            case str() if value.strip():
                return cls(value)
        raise PydanticCustomError("credential", "must be text that is not empty")


def near_name(name: str, allowed: Collection[str]) -> str:
    """Return a hint at the allowed name that is most like this one, else all of them."""
    near = difflib.get_close_matches(name, allowed, n=1)
    return f"did you mean `{near[0]}`?" if near else f"known: {', '.join(allowed)}"


def known_keys_only(keys: Iterable[str], allowed: Collection[str]) -> None:
    """Refuse, for pydantic, the first key that is not known, and suggest the near one."""
    for key in keys:
        if key not in allowed:
            hint = near_name(key, allowed)
            raise PydanticCustomError(
                "unknown_key", "unknown key `{key}`; {hint}", {"key": key, "hint": hint}
            )


class Model(BaseModel):
    """A frozen part of a YAML file that refuses keys it does not know and suggests the near one."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    other_spellings: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _known_keys_only(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        if cls.model_config.get("extra") == "allow":
            return value
        value = {cls.other_spellings.get(str(key), str(key)): item for key, item in value.items()}
        known_keys_only(value, [field.alias or name for name, field in cls.model_fields.items()])
        return value


@dataclass(frozen=True, slots=True)
class Document:
    """The values of one YAML file and the line on which each key stands (from 1)."""

    path: Path
    value: Any
    lines: Mapping[Location, int]

    def line(self, location: Location) -> int:
        """Return the line of `location`, or of the nearest part of it that stands in the file."""
        while location not in self.lines and location:
            location = location[:-1]
        return self.lines.get(location, 1)


def read(path: Path, environment: Mapping[str, str]) -> Document:
    """Read one YAML file; raise `ConfigurationError` if it is missing or not YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigurationError(
            "TAJO-101",
            f"{path} does not exist",
            "Name the workspace file with --config FILE or TAJO_CONFIG, or write a tajo.yaml here.",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "TAJO-101", f"{path} cannot be read: {error}", "Make it a readable UTF-8 text file."
        ) from error
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        lines = dict(_lines(node, ())) if node else {}
        value = loader.construct_document(node) if node else {}
    except yaml.YAMLError as error:
        line, problem = _mistake(error, text)
        raise ConfigurationError(
            "TAJO-102",
            f"{path}:{line} is not valid YAML: {problem}",
            "Correct the indentation or the quoting at that line.",
        ) from error
    return Document(path, _interpolated(value, environment), lines)


class _Loader(yaml.SafeLoader):
    """Leaves dates as text, so that an error names its key and line."""


_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda _loader, node: node.value)


def _mistake(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    """Return the line of a YAML error (from 1) and what is wrong there."""
    if isinstance(error, yaml.reader.ReaderError):
        return text.count("\n", 0, error.position) + 1, error.reason
    assert isinstance(error, yaml.MarkedYAMLError)
    mark = error.problem_mark or error.context_mark
    return mark.line + 1 if mark else 1, error.problem or error.context or ""


def _lines(node: yaml.Node, at: Location) -> Iterator[tuple[Location, int]]:
    yield at, node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _lines(item, (*at, index))
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, item in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(
                    problem="a key must be plain text (is a value in braces not quoted?)",
                    problem_mark=key.start_mark,
                )
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"`{key.value}` stands twice in one mapping",
                    problem_mark=key.start_mark,
                )
            seen.add(key.value)
            yield from _lines(item, (*at, key.value))
            yield (*at, key.value), key.start_mark.line + 1


_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")


def _interpolated(value: Any, environment: Mapping[str, str]) -> Any:
    match value:
        case dict():
            return {key: _interpolated(item, environment) for key, item in value.items()}
        case list():
            return [_interpolated(item, environment) for item in value]
        case str() if references := list(_VARIABLE.finditer(value)):
            for variable in references:
                if not environment.get(variable["name"]) and variable["default"] is None:
                    return Unset(variable["name"])
            # An empty result is an absent value: ${SNOWFLAKE_HOST:-} leaves the host unset.
            return (
                _VARIABLE.sub(lambda m: environment.get(m["name"]) or m["default"] or "", value)
                or None
            )
    return value


M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], document: Document, *, at: Location = ()) -> M:
    """Make a `model` of the document; raise `ConfigurationError` telling every problem by line.

    `at` is where the document's value stands in its file, if it is not the whole of it.
    """
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        problems = [_message(problem, document, at) for problem in error.errors(include_url=False)]
        raise ConfigurationError(
            "TAJO-103",
            "\n".join(problems),
            "Correct the file; `tajo config schema` prints every key that it may have.",
        ) from None


def _message(problem: ErrorDetails, document: Document, at: Location) -> str:
    location = _written(problem, document, at)
    message = problem["msg"].removeprefix("Value error, ")
    if isinstance(problem["input"], Unset):
        variable = problem["input"].variable
        message = f"the environment variable {variable} is not set, and has no default"
    name = ".".join(map(str, location)) or "the file"
    return f"{document.path}:{document.line(location)}: {name}: {message}"


def _written(problem: ErrorDetails, document: Document, at: Location) -> Location:
    # Pydantic's location also names the chosen member of a union, which no line of the file does.
    location = at
    for part in problem["loc"]:
        if (*location, part) in document.lines:
            location = (*location, part)
    if problem["type"] == "missing":
        return (*location, problem["loc"][-1])
    if problem["type"] == "unknown_key":
        return (*location, problem["ctx"]["key"])
    return location
