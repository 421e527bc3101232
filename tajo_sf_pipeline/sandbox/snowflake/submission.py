"""A request to execute statements, read strictly: what the API does not document is refused."""

import uuid
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.datastructures import Headers

LONGEST_TIMEOUT = 604_800
# STATEMENT_TIMEOUT_IN_SECONDS of an account that never changed it.
DEFAULT_TIMEOUT = 172_800


class BadRequestError(Exception):
    """The request is answered with 400, and this reason after Snowflake's sentence."""


class UnsupportedMediaTypeError(Exception):
    """The request is answered with 415."""


class Bind(BaseModel):
    model_config = ConfigDict(frozen=True)

    type: str
    value: str | None


class Parameters(BaseModel):
    """The session parameters that the API documents, save the output formats, which fail here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    query_tag: str = ""
    timezone: str = "UTC"
    multi_statement_count: Annotated[int, Field(ge=0)] = 1
    rows_per_resultset: Annotated[int, Field(ge=0)] = 0
    client_result_chunk_size: int | None = None
    use_cached_result: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _ignore_case(cls, parameters: Any) -> Any:
        """Take `MULTI_STATEMENT_COUNT` of the documentation and the specification's spelling."""
        if not isinstance(parameters, dict):
            return parameters
        return {name.lower(): value for name, value in parameters.items()}


class Body(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    statement: str
    timeout: Annotated[int, Field(ge=0)] = DEFAULT_TIMEOUT
    database: str | None = None
    # Named otherwise, as pydantic's models have a `schema` of their own.
    schema_: Annotated[str | None, Field(alias="schema")] = None
    warehouse: str | None = None
    role: str | None = None
    bindings: dict[str, Bind] = {}
    parameters: Annotated[Parameters, Field(strict=False)] = Parameters()

    @model_validator(mode="after")
    def _numbered_bindings(self) -> "Body":
        if self.bindings.keys() != {str(n) for n in range(1, len(self.bindings) + 1)}:
            raise ValueError('bindings are named "1", "2" and so on')
        return self


@dataclass(frozen=True, slots=True)
class Submission:
    body: Body
    request_id: str
    asynchronous: bool
    retry: bool
    null_as_text: bool

    @property
    def timeout(self) -> int:
        return min(self.body.timeout or LONGEST_TIMEOUT, LONGEST_TIMEOUT)


def read_submission(query: str, body: bytes) -> Submission:
    values = read_query(query)
    try:
        parsed = Body.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadRequestError(f"{where} {first['msg']}".strip()) from error
    return Submission(
        body=parsed,
        request_id=values.get("requestId") or str(uuid.uuid4()),
        asynchronous=_flag(values, "async", default=False),
        retry=_flag(values, "retry", default=False),
        null_as_text=not _flag(values, "nullable", default=True),
    )


def read_query(query: str) -> dict[str, str]:
    """Read the parameters of a URL; those that the API does not know are ignored."""
    values = dict(parse_qsl(query, keep_blank_values=True))
    if "requestId" in values:
        try:
            uuid.UUID(values["requestId"])
        except ValueError as error:
            raise BadRequestError("requestId is not a UUID") from error
    return values


def check_headers(headers: Headers) -> None:
    """Hold what docs.snowflake.com/en/developer-guide/sql-api/reference requires of a request."""
    content_type = headers.get("Content-Type", "application/json").partition(";")[0]
    if content_type.strip().lower() != "application/json":
        raise UnsupportedMediaTypeError(content_type)
    accepted = [part.partition(";")[0].strip() for part in headers.get("Accept", "").split(",")]
    if not {"application/json", "*/*"} & set(accepted):
        raise BadRequestError("the header Accept is application/json or */*")
    if not headers.get("User-Agent"):
        raise BadRequestError("the header User-Agent is missing")


def _flag(values: dict[str, str], name: str, *, default: bool) -> bool:
    match values.get(name, str(default)).lower():
        case "true":
            return True
        case "false":
            return False
        case value:
            raise BadRequestError(f"{name} is true or false, not {value!r}")
