"""The local SQL API against Snowflake's published OpenAPI description of the real one.

The description (snowflakedb/snowflake-rest-api-specs, Apache-2.0) lies beside a checkout, not in
it; OVERLAYS say where it is behind Snowflake's own documentation.
"""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tajo_sf_pipeline_tests.sql_api_calls import PAT, SqlApi, serving_sql_api

SPECIFICATION = Path(__file__).parents[3] / "shared" / "specs" / "snowflake-sqlapi.yaml"
SUBMIT = "/api/v2/statements"
STATUS = "/api/v2/statements/{statementHandle}"
CANCEL = "/api/v2/statements/{statementHandle}/cancel"

RESULT_SET = ("components", "schemas", "ResultSet", "properties")
COLUMN = (*RESULT_SET, "resultSetMetaData", "properties", "rowType", "items", "properties")
BODY = ("paths", SUBMIT, "post", "requestBody", "content", "application/json", "schema")
PARAMETERS = (*BODY, "properties", "parameters")

CHECKS = [
    *(not_a_server_error, status_code_conformance, content_type_conformance),
    *(response_headers_conformance, response_schema_conformance),
]

NAMED = {"type": "object", "required": ["message"], "properties": {"message": {"type": "string"}}}

# What docs.snowflake.com/en/developer-guide/sql-api says otherwise than the description.
OVERLAYS: dict[tuple[str, ...], Any] = {
    # `statementStatusUrl` is relative in all examples.
    **{
        (
            "components",
            "schemas",
            schema,
            "properties",
            "statementStatusUrl",
            "format",
        ): "uri-reference"
        for schema in ("ResultSet", "QueryStatus", "QueryFailureStatus", "CancelStatus")
    },
    # A request of several statements is answered with the handles of each.
    (*RESULT_SET, "statementHandles"): {"type": "array", "items": {"type": "string"}},
    # A column has null for what its type does not have.
    **{(*COLUMN, name, "nullable"): True for name in ("length", "precision", "scale")},
    # A statement is repeated safely with the same requestId and `retry`.
    ("components", "parameters", "retry"): {
        "name": "retry",
        "in": "query",
        "schema": {"type": "boolean"},
    },
    # Cancelling what is not there is a failure, as of any other statement.
    ("paths", CANCEL, "post", "responses", "429"): {
        "$ref": "#/components/responses/429LimitExceeded"
    },
    # Refusals have a body, which the description leaves out.
    **{
        ("components", "responses", response, "content"): {"application/json": {"schema": NAMED}}
        for response in (
            *("400BadRequest", "401Unauthorized", "403Forbidden", "404NotFound"),
            *("415UnsupportedMediaType", "429LimitExceeded", "500InternalServerError"),
            *("503ServiceUnavailable", "504GatewayTimeout"),
        )
    },
    # It must be one of these two, and is required.
    ("components", "parameters", "accept", "schema"): {"enum": ["application/json", "*/*"]},
    ("components", "parameters", "accept", "required"): True,
    # "You must use a value that complies with RFC 7231", which none that is empty does.
    ("components", "parameters", "userAgent", "schema"): {
        "type": "string",
        "pattern": "^[A-Za-z]{1,8}/[0-9]{1,3}$",
    },
    (*BODY, "required"): ["statement"],
    (*BODY, "properties", "bindings"): {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "1": {
                "type": "object",
                "required": ["type", "value"],
                "properties": {
                    "type": {"enum": ["FIXED", "REAL", "TEXT", "BOOLEAN", "DATE", "TIMESTAMP_TZ"]},
                    "value": {"enum": ["1", "true", "x", "1616173619000000000 960"]},
                },
            }
        },
    },
    # Only the session parameters listed are supported; the local Snowflake has no output formats.
    (*PARAMETERS, "additionalProperties"): False,
    (*PARAMETERS, "properties"): {
        "timezone": {"enum": ["UTC", "america/los_angeles", "Europe/Atlantis"]},
        "query_tag": {"type": "string"},
        "multi_statement_count": {"type": "integer", "minimum": 0, "maximum": 2},
    },
    # So that generated requests are executed as well as read.
    (*BODY, "properties", "statement"): {
        "anyOf": [
            {
                "enum": [
                    "SELECT 1 AS a",
                    "SELECT ? AS a",
                    "SELECT 1 AS a; SELECT CURRENT_TIMESTAMP AS b",
                    "SELECT seq4() AS n FROM TABLE(GENERATOR(ROWCOUNT => 50))",
                    "SELECT * FROM nope",
                ]
            },
            {"type": "string", "minLength": 3},
        ]
    },
}


def overlaid(description: dict[str, Any]) -> dict[str, Any]:
    """Apply the overlays, each to a place that exists up to its last name."""
    for (*path, name), value in OVERLAYS.items():
        place = description
        for part in path:
            place = place[part]
        place[name] = value
    description["paths"][SUBMIT]["parameters"].append({"$ref": "#/components/parameters/retry"})
    return description


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    if not SPECIFICATION.exists():
        pytest.skip(f"Snowflake's description of the SQL API is not at {SPECIFICATION}")
    return overlaid(yaml.safe_load(SPECIFICATION.read_text()))


@pytest.fixture(scope="module")
def api(description: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlApi]:
    home = tmp_path_factory.mktemp("sandbox")
    with serving_sql_api(home, "--partition-rows", "20") as api:
        yield api


@pytest.fixture(scope="module")
def conforms(description: dict[str, Any]) -> Callable[[httpx.Response, str], None]:
    """Hold an answer to the description of its operation: status, headers and body."""
    openapi = OpenAPI.from_dict(description)
    server = description["servers"][0]["url"]

    def check(answer: httpx.Response, pattern: str) -> None:
        request = MockRequest(server, answer.request.method, answer.request.url.path, pattern)
        content_type = answer.headers.get("Content-Type", "")
        headers = dict(answer.headers)
        response = MockResponse(answer.content, answer.status_code, headers, content_type)
        openapi.validate_response(request, response)

    return check


SUBMISSIONS: dict[str, tuple[int, dict[str, str], dict[str, Any]]] = {
    "a row of every type": (
        200,
        {},
        {
            "statement": "SELECT 1.5::NUMBER(5,2) AS a, 'x' AS b, TRUE AS c, 1::FLOAT AS d, "
            "CURRENT_TIMESTAMP AS e, '2020-01-01'::DATE AS f, PARSE_JSON('{}') AS g, NULL AS h"
        },
    ),
    "no row": (200, {}, {"statement": "SELECT 1 AS a WHERE FALSE"}),
    "nulls as words": (200, {"nullable": "false"}, {"statement": "SELECT NULL AS a"}),
    "a definition": (200, {}, {"statement": "CREATE OR REPLACE TABLE described (n NUMBER)"}),
    "changed rows": (200, {}, {"statement": "INSERT INTO described VALUES (1)"}),
    "several statements": (
        200,
        {},
        {"statement": "SELECT 1 AS a; SELECT 2 AS a", "parameters": {"multi_statement_count": 2}},
    ),
    "a statement for later": (202, {"async": "true"}, {"statement": "SELECT 1 AS a"}),
    "a time-out": (
        408,
        {},
        {
            "statement": "SELECT COUNT(*) AS n FROM TABLE(GENERATOR(ROWCOUNT => 900000000000))",
            "timeout": 1,
        },
    ),
    "a failure": (422, {}, {"statement": "SELECT * FROM nope"}),
    "no payload": (400, {}, {"timeout": 1}),
}


@pytest.mark.parametrize("case", SUBMISSIONS)
def test_answers_to_submissions_are_as_described(
    api: SqlApi, conforms: Callable[[httpx.Response, str], None], case: str
) -> None:
    """Each kind of outcome has its status and its body."""
    status, query, body = SUBMISSIONS[case]
    context = {"database": "MARKETING_DB", "schema": "PUBLIC"}
    answer = api.client.post(SUBMIT, params=query, json=context | body)
    assert status == answer.status_code
    conforms(answer, SUBMIT)


def test_answers_about_statements_are_as_described(
    api: SqlApi, conforms: Callable[[httpx.Response, str], None]
) -> None:
    """While they run, when they have ended, partition by partition, and when there is none."""
    fifty = "SELECT seq4() AS n FROM TABLE(GENERATOR(ROWCOUNT => 50))"
    with api.changed(statement_seconds=0.3):
        handle = api.submit(fifty, {"async": "true"}).json()["statementHandle"]
        running = api.get(handle)
    failed = api.submit("SELECT * FROM nope", {"async": "true"}).json()["statementHandle"]
    answers = [
        *(running, api.ended(handle), api.get(handle, partition=1)),
        *(
            api.ended(failed),
            api.get(str(uuid.uuid4())),
            api.get("x"),
            api.get(handle, partition=9),
        ),
    ]
    assert [202, 200, 200, 422, 422, 404, 400] == [answer.status_code for answer in answers]
    for answer in answers:
        conforms(answer, STATUS)


def test_answers_to_cancellations_are_as_described(
    api: SqlApi, conforms: Callable[[httpx.Response, str], None]
) -> None:
    """Of a running statement, of an ended one and of none."""
    with api.changed(statement_seconds=30):
        handle = api.submit("SELECT 1 AS a", {"async": "true"}).json()["statementHandle"]
    ended = api.submit("SELECT 1 AS a").json()["statementHandle"]
    answers = [api.cancel(handle), api.cancel(ended), api.cancel(str(uuid.uuid4()))]
    assert [200, 422, 422] == [answer.status_code for answer in answers]
    for answer in answers:
        conforms(answer, CANCEL)


@pytest.mark.parametrize(
    ("fault", "details", "status"),
    [
        ("token_expired", {}, 401),
        ("network_policy", {}, 403),
        ("rate_limited", {"retry_after": 1}, 429),
        ("status", {"status": 500}, 500),
        ("status", {"status": 503}, 503),
        ("status", {"status": 504}, 504),
    ],
)
def test_faults_are_as_described(
    api: SqlApi,
    conforms: Callable[[httpx.Response, str], None],
    fault: str,
    details: dict[str, Any],
    status: int,
) -> None:
    """What goes wrong goes wrong in the forms of the description."""
    api.plan(fault, **details)
    answer = api.submit("SELECT 1 AS a")
    assert status == answer.status_code
    conforms(answer, SUBMIT)


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("operation", [(SUBMIT, "POST"), (STATUS, "GET"), (CANCEL, "POST")])
@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_generated_requests_are_answered_as_described(
    api: SqlApi,
    description: dict[str, Any],
    operation: tuple[str, str],
    mode: GenerationMode,
    data: st.DataObject,
) -> None:
    """No request that fits the description, or just does not, is answered outside it."""
    path, method = operation
    described = schemathesis.openapi.from_dict(description)[path][method]
    case = data.draw(described.as_strategy(generation_mode=mode))
    case.call_and_validate(base_url=api.sandbox.snowflake_url, headers=PAT, checks=CHECKS)
