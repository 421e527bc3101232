"""What the local SQL API does wrong when it is told to."""

import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import snowflake.connector
from snowflake.connector.errors import DatabaseError

from tajo_sf_pipeline.sandbox import SandboxError, serve
from tajo_sf_pipeline_tests.sql_api_calls import (
    PAT,
    TOKEN_TYPE,
    SqlApi,
    error,
    key_pair_token,
    serving_sql_api,
)

FIFTY = "SELECT seq4() AS n FROM TABLE(GENERATOR(ROWCOUNT => 50)) ORDER BY n"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlApi]:
    with serving_sql_api(tmp_path_factory.mktemp("sandbox"), "--partition-rows", "20") as api:
        yield api


@pytest.fixture
def api(served: SqlApi) -> Iterator[SqlApi]:
    """Leave no fault to the next test."""
    yield served
    served.client.delete("/admin/faults").raise_for_status()


def statuses(api: SqlApi, calls: int) -> list[int]:
    return [api.submit("SELECT 1 AS a").status_code for _ in range(calls)]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_status_is_answered_as_often_as_declared(api: SqlApi, status: int) -> None:
    """And then no longer."""
    api.plan("status", status=status, times=2)
    assert [status, status, 200] == statuses(api, 3)


def test_a_fault_strikes_from_a_call_on(api: SqlApi) -> None:
    """Counted among the calls that it could strike."""
    api.plan("token_expired", call=3)
    assert [200, 200, 401, 200] == statuses(api, 4)


def test_a_fault_may_strike_one_kind_of_call(api: SqlApi) -> None:
    """Submissions, polls, partitions or cancellations."""
    api.plan("status", status=504, on="partition")
    handle = api.submit(FIFTY).json()["statementHandle"]
    answers = [api.get(handle), api.get(handle, partition=1), api.get(handle, partition=1)]
    assert [200, 504, 200] == [answer.status_code for answer in answers]


def test_requests_are_limited(api: SqlApi) -> None:
    """429 with the documented body; when to come again only if declared, as no document has it."""
    api.plan("rate_limited")
    api.plan("rate_limited", retry_after=7)
    silent, telling = api.submit("SELECT 1 AS a"), api.submit("SELECT 1 AS a")
    assert (429, "390505") == error(silent) == error(telling)
    assert [None, "7"] == [answer.headers.get("Retry-After") for answer in (silent, telling)]


@pytest.mark.parametrize(
    ("fault", "details", "status", "code"),
    [
        ("token_expired", {}, 401, "390318"),
        ("token_invalid", {}, 401, "390303"),
        ("network_policy", {}, 403, "390422"),
        ("suspended_warehouse", {}, 422, "090073"),
        ("jwt_invalid", {"reason": "INVALID_USER_IN_ISSUER"}, 401, "394300"),
        ("jwt_invalid", {}, 401, "394304"),
        ("jwt_invalid", {"reason": "ACCOUNT_MISMATCH"}, 401, "394307"),
        ("clock_skew", {}, 401, "394302"),
    ],
)
def test_a_refusal_is_answered_once(
    api: SqlApi, fault: str, details: dict[str, Any], status: int, code: str
) -> None:
    """With the code and the status of its kind."""
    keys = api.client.post("/admin/keys", json={"slot": 2, "public_key": None}).json()
    private_key = api.sandbox.private_key_path.read_bytes()
    token = key_pair_token(private_key, keys["fingerprints"]["1"])
    headers = {"Authorization": f"Bearer {token}", TOKEN_TYPE: "KEYPAIR_JWT"}
    api.plan(fault, **details)
    body = {"statement": "SELECT 1 AS a"}
    answers = [api.client.post("/api/v2/statements", headers=headers, json=body) for _ in range(2)]
    assert (status, code) == error(answers[0])
    assert answers[1].status_code == 200


def test_a_small_clock_skew_is_borne(api: SqlApi) -> None:
    """The rule is one of sixty seconds."""
    keys = api.client.post("/admin/keys", json={"slot": 2, "public_key": None}).json()
    private_key = api.sandbox.private_key_path.read_bytes()
    token = key_pair_token(private_key, keys["fingerprints"]["1"])
    headers = {"Authorization": f"Bearer {token}", TOKEN_TYPE: "KEYPAIR_JWT"}
    api.plan("clock_skew", seconds=30)
    answer = api.client.post("/api/v2/statements", headers=headers, json={"statement": "SELECT 1"})
    assert answer.status_code == 200


def test_a_network_policy_refuses_drivers_too(api: SqlApi) -> None:
    """With the stable part of Snowflake's sentence."""
    api.plan("network_policy")
    with pytest.raises(DatabaseError, match="is not allowed to access Snowflake"):
        snowflake.connector.connect(
            host="127.0.0.1",
            port=api.sandbox.snowflake_port,
            protocol="http",
            account=api.sandbox.account,
            user=api.sandbox.user,
            password=api.sandbox.password,
            login_timeout=5,
        )


def test_a_token_address_fails(api: SqlApi) -> None:
    """With the declared status, and without touching the SQL API."""
    api.plan("token_endpoint", status=502)
    assert statuses(api, 1) == [200]
    answers = [api.client.post("/oauth/token-request") for _ in range(2)]
    assert [502, 401] == [answer.status_code for answer in answers]


def test_a_statement_is_slow(api: SqlApi) -> None:
    """As long as declared, and only that one."""
    api.plan("slow_statement", seconds=0.3)
    with api.changed(synchronous_seconds=0.1):
        assert [202, 200] == statuses(api, 2)


def test_an_answer_is_lost_after_the_statement_was_executed(api: SqlApi) -> None:
    """Who repeats the request with retry=true gets the result, of the one execution."""
    api.rows("CREATE TABLE lost (n NUMBER)")
    insert = "INSERT INTO lost VALUES (1)"
    request = {"requestId": str(uuid.uuid4())}
    api.plan("lost_answer")
    with pytest.raises(httpx.ReadError):
        api.submit(insert, request)
    again = api.submit(insert, request | {"retry": "true"})
    assert (200, [["1"]]) == (again.status_code, again.json()["data"])
    assert len(api.executions(insert)) == 1


def test_a_result_declares_rows_that_never_come(api: SqlApi) -> None:
    """The sum of the partitions is right, the total is not."""
    api.plan("declare_extra_rows", rows=5)
    metadata = api.submit(FIFTY).json()["resultSetMetaData"]
    counted = sum(part["rowCount"] for part in metadata["partitionInfo"])
    assert (50, 55) == (counted, metadata["numRows"])


def test_a_partition_is_short(api: SqlApi) -> None:
    """Fewer rows come than its metadata say."""
    api.plan("short_partition", rows=3)
    handle = api.submit(FIFTY).json()["statementHandle"]
    counts = [len(api.get(handle, partition=number).json()["data"]) for number in (1, 1, 2)]
    assert counts == [17, 20, 10]


def test_a_partition_is_truncated(api: SqlApi) -> None:
    """HTTP is content, the compressed text ends in the middle."""
    api.plan("truncated_partition")
    handle = api.submit(FIFTY).json()["statementHandle"]
    with api.client.stream("GET", f"/api/v2/statements/{handle}?partition=1") as answer:
        raw = b"".join(answer.iter_raw())
        declared = int(answer.headers["Content-Length"])
    decompressor = zlib.decompressobj(wbits=31)
    decompressor.decompress(raw)
    assert (declared, False) == (len(raw), decompressor.eof)
    assert api.get(handle, partition=1).status_code == 200


def test_a_connection_is_reset_in_the_middle_of_a_partition(api: SqlApi) -> None:
    """Once; the next attempt brings all rows."""
    api.plan("partition_reset")
    handle = api.submit(FIFTY).json()["statementHandle"]
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        api.get(handle, partition=1)
    assert len(api.get(handle, partition=1).json()["data"]) == 20


def test_planned_faults_can_be_seen_and_cleared(api: SqlApi) -> None:
    """Spent ones are not listed."""
    api.plan("status", times=2)
    api.submit("SELECT 1 AS a")
    (fault,) = api.client.get("/admin/faults").json()["faults"]
    expected = {"name": "status", "amount": 503, "times": 1, "call": 1, "on": None}
    assert expected == fault
    api.client.delete("/admin/faults")
    assert api.client.get("/admin/faults").json() == {"faults": []}


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ({"fault": "gremlin"}, "unknown fault 'gremlin', there are: slow, unavailable"),
        ({"fault": "status", "status": 200}, "status is 500, 502, 503 or 504, not 200"),
        ({"fault": "jwt_invalid", "reason": "x"}, "reason is one of INVALID_USER_IN_ISSUER"),
        ({"fault": "lost_answer", "rows": 1}, "lost_answer does not take rows"),
        ({"fault": "status", "on": "lunch"}, "on is one of submit, status, partition, cancel"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(
    api: SqlApi, order: dict[str, Any], message: str
) -> None:
    """The answer says what can be."""
    answer = api.client.post("/admin/faults", json=order)
    assert (400, True) == (answer.status_code, answer.json()["message"].startswith(message))


def test_the_launcher_passes_faults_on(tmp_path: Path) -> None:
    """Each with its amount, its times and its first call."""
    with serve(tmp_path, snowflake_faults=["status=502x2@2", "token_expired@2"]) as sandbox:
        body, address = {"statement": "SELECT 1 AS a"}, f"{sandbox.snowflake_url}/api/v2/statements"
        answers = [httpx.post(address, headers=PAT, json=body) for _ in range(5)]
    assert [200, 502, 502, 401, 200] == [answer.status_code for answer in answers]


def test_a_fault_that_cannot_be_stops_the_server(tmp_path: Path) -> None:
    """The launcher repeats what is wrong with it."""
    with (
        pytest.raises(SandboxError, match="lost_answer does not take an amount"),
        serving_sql_api(tmp_path, "--fault", "lost_answer=3"),
    ):
        pass
