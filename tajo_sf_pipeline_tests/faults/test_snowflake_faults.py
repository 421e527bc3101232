"""Snowflake misbehaves: what passes is waited out, what stays is told, and nothing is half-done."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Self

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import stamina
from cryptography.hazmat.primitives import serialization

from tajo_sf_pipeline.audience.statement import Statement
from tajo_sf_pipeline.engine.run import SyncRun
from tajo_sf_pipeline.sandbox import Sandbox, serve
from tajo_sf_pipeline.sources.base import Question
from tajo_sf_pipeline.sources.snowflake import credentials, error_translation, sql_api
from tajo_sf_pipeline.sources.snowflake.sql_api import SqlApi
from tajo_sf_pipeline_tests import sql_api_calls
from tajo_sf_pipeline_tests.forwarder import forwarding_to
from tajo_sf_pipeline_tests.workspaces import Ran, Workspace

ROOT = Path(__file__).parents[2]
TRANSPORTS = ("connector", "sql_api")
MANY = 250
PARTITION_ROWS = 40  # so that the people below are 7 partitions
ENDLESS = "SELECT COUNT(*) AS email FROM TABLE(GENERATOR(ROWCOUNT => 900000000000))"
ALWAYS = 1000


@dataclass(frozen=True, slots=True)
class Snowflake:
    """What only a test may know of the local Snowflake, and do to it."""

    url: str

    def plan(self, fault: str, **details: Any) -> None:
        order = {"fault": fault, **details}
        httpx.post(f"{self.url}/admin/faults", json=order).raise_for_status()

    def pending(self) -> list[dict[str, Any]]:
        return list(self._get("faults")["faults"])

    def change(self, **settings: Any) -> None:
        httpx.post(f"{self.url}/admin/settings", json=settings).raise_for_status()

    def statements(self, text: str) -> list[dict[str, Any]]:
        """Give the executions, ended or cancelled, of statements that contain `text`."""
        return [one for one in self._get("statements")["statements"] if text in one["sql"]]

    def open_sessions(self) -> int:
        return int(self._get("sessions")["open"])

    def register(self, slot: int, public_key: str | None) -> None:
        order = {"slot": slot, "public_key": public_key}
        httpx.post(f"{self.url}/admin/keys", json=order).raise_for_status()

    def _get(self, what: str) -> Any:
        return httpx.get(f"{self.url}/admin/{what}").raise_for_status().json()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Run servers of this module's own: faults would strike whoever else calls."""
    with serve(tmp_path_factory.mktemp("faulty")) as running:
        Snowflake(running.snowflake_url).change(partition_rows=PARTITION_ROWS)
        yield running


@pytest.fixture
def snowflake(sandbox: Sandbox) -> Iterator[Snowflake]:
    """Give the server without faults, and leave it so."""
    yield Snowflake(sandbox.snowflake_url)
    httpx.delete(f"{sandbox.snowflake_url}/admin/faults").raise_for_status()


@pytest.fixture
def people(workspace: Workspace, snowflake: Snowflake) -> Workspace:
    """Give a workspace whose one audience would sync well, over the SQL API."""
    rows = [(f"p{n}@example.com", n) for n in range(MANY)]
    table = workspace.table("people", "email,points", rows)
    workspace.audience("people", f"SELECT email, points FROM {table}", {"email": "email"})
    workspace.write(snowflake={"transport": "sql_api"})
    return workspace


def _partition(workspace: Workspace) -> SyncRun:
    settings = workspace.settings()
    audience = workspace.load("people")
    return SyncRun(settings, audience, settings.today(), "incremental", run_id="a-test")


def _extracted(workspace: Workspace) -> pa.Table:
    """Run the first step alone, its repetitions without their pauses; give what it has kept."""
    partition = _partition(workspace)
    with stamina.set_testing(True, attempts=10):
        extracted = partition.extract()
    table = pq.read_table(partition.paths.extract(partition.day))
    assert (extracted.rows, extracted.schema) == (table.num_rows, table.schema.remove_metadata())
    return table


def _everybody(table: pa.Table) -> bool:
    """Whether every row came, once and in its place."""
    return table["EMAIL"].to_pylist() == [f"p{n}@example.com" for n in range(MANY)]


def _failed(workspace: Workspace, code: int, *told: str) -> None:
    """Sync, and hold what every failure promises."""
    ran: Ran = workspace.tajo("connectors", "sync", "snowflake")
    assert (code, []) == (ran.code, [text for text in told if text not in ran.err]), ran.err
    assert ran.err.startswith(f"people {workspace.settings().today()}: TAJO-"), ran.err
    assert len(ran.err.strip().splitlines()) <= 3, ran.err
    sandbox = workspace.sandbox
    secrets = (sandbox.programmatic_access_token, sandbox.oauth_refresh_token, "eyJ", "Traceback")
    assert [] == [text for text in secrets if text in ran.err + ran.out]
    left = [path for path in workspace.home.rglob("*") if path.is_file()]
    assert [] == [path for path in left if path.suffix != ".lock"]
    assert {} == workspace.brevo.contacts()


# What passes.


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "token_expired", "call": 3},
        {"fault": "jwt_invalid", "reason": "INVALID_EXPIRATION_TIME", "call": 3},
        {"fault": "jwt_invalid", "reason": "INVALID_ISSUE_TIME", "call": 3},
        {"fault": "token_invalid"},
    ],
    ids=lambda fault: f"{fault['fault']} {fault.get('reason', '')}",
)
def test_a_token_that_expires_in_a_long_poll_is_renewed(
    people: Workspace, snowflake: Snowflake, fault: dict[str, Any]
) -> None:
    """The statement that runs goes on; nobody sees it."""
    snowflake.plan("slow_statement", seconds=0.3)
    snowflake.plan(**fault)
    assert _everybody(_extracted(people))
    assert [] == snowflake.pending()


def test_a_token_that_expires_among_the_partitions_is_renewed(
    people: Workspace, snowflake: Snowflake
) -> None:
    """The access token of an OAuth client is fetched once more, in the middle of a download."""
    sandbox = people.sandbox
    auth = {
        "method": "oauth_refresh_token",
        "client_id": sandbox.oauth_client_id,
        "client_secret": sandbox.oauth_client_secret,
        "refresh_token": sandbox.oauth_refresh_token,
    }
    people.write(snowflake={"transport": "sql_api", "auth": auth})
    snowflake.plan("token_expired", call=6)  # after the submission and at most three polls
    assert _everybody(_extracted(people))
    assert [] == snowflake.pending()


def test_access_tokens_of_a_second_are_enough(people: Workspace, snowflake: Snowflake) -> None:
    """Each request gets one that is good, when none lives as long as a statement."""
    sandbox = people.sandbox
    auth = {
        "method": "oauth_client_credentials",
        "client_id": sandbox.external_client_id,
        "client_secret": sandbox.external_client_secret,
        "token_url": f"{sandbox.snowflake_url}/external-oauth/token",
        "scope": "session:role-any",
    }
    people.write(snowflake={"transport": "sql_api", "auth": auth})
    snowflake.plan("slow_statement", seconds=1.2)
    snowflake.change(access_token_seconds=1)
    try:
        assert _everybody(_extracted(people))
    finally:
        snowflake.change(access_token_seconds=600)


def test_a_token_endpoint_that_fails_for_a_moment(people: Workspace, snowflake: Snowflake) -> None:
    """Its outage is waited out like Snowflake's own."""
    sandbox = people.sandbox
    auth = {
        "method": "oauth_refresh_token",
        "client_id": sandbox.oauth_client_id,
        "client_secret": sandbox.oauth_client_secret,
        "refresh_token": sandbox.oauth_refresh_token,
    }
    people.write(snowflake={"transport": "sql_api", "auth": auth})
    snowflake.plan("token_endpoint", status=503, times=2)
    assert _everybody(_extracted(people))


@pytest.mark.parametrize("on", ["submit", "status", "partition"])
@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "rate_limited", "times": 3},
        {"fault": "unavailable", "times": 2},
        {"fault": "status", "status": 502},
    ],
    ids=lambda fault: fault["fault"],
)
def test_a_short_outage_is_waited_out(
    people: Workspace, snowflake: Snowflake, fault: dict[str, Any], on: str
) -> None:
    """429 and 5xx, to any of the three calls: every row comes, and the statement ran once."""
    snowflake.plan(**fault, on=on)
    assert _everybody(_extracted(people))
    assert [] == snowflake.pending()
    assert 1 == len(snowflake.statements(f"{people.prefix}_people".upper()))


def test_the_driver_waits_out_a_short_outage(people: Workspace, snowflake: Snowflake) -> None:
    """503 to its first two calls."""
    people.write(snowflake={"transport": "connector", "login_timeout": 60})
    snowflake.plan("unavailable", times=2)
    assert _everybody(_extracted(people))
    assert [] == snowflake.pending()


def test_snowflakes_wish_when_to_come_again_is_met(people: Workspace, snowflake: Snowflake) -> None:
    """A Retry-After is not documented, and honoured where it comes."""
    snowflake.plan("rate_limited", retry_after=1, on="submit")
    began = time.monotonic()
    assert MANY == _partition(people).extract().rows
    assert time.monotonic() - began >= 1


def test_a_lost_answer_to_the_submission_runs_nothing_twice(
    people: Workspace, snowflake: Snowflake
) -> None:
    """The same request id comes again with retry=true, and finds the first execution."""
    with forwarding_to(snowflake.url) as forwarder:
        people.write(snowflake={"transport": "sql_api", "port": forwarder.port})
        snowflake.plan("lost_answer")
        assert _everybody(_extracted(people))
    [execution] = snowflake.statements(f"{people.prefix}_people".upper())
    assert execution["request_id"]


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "truncated_partition"},
        {"fault": "truncated_partition", "times": 2, "call": 3},
        {"fault": "partition_reset"},
        {"fault": "partition_reset", "times": 3, "call": 2},
    ],
    ids=lambda fault: f"{fault['fault']} x{fault.get('times', 1)}",
)
def test_a_partition_that_breaks_off_is_fetched_again(
    people: Workspace, snowflake: Snowflake, fault: dict[str, Any]
) -> None:
    """A gzip that ends in the middle, a connection reset: the result is complete."""
    snowflake.plan(**fault)
    assert _everybody(_extracted(people))
    assert [] == snowflake.pending()


# What stays.


@pytest.mark.parametrize(
    ("fault", "code", "told"),
    [
        ({"fault": "token_expired"}, 3, "TAJO-201"),
        ({"fault": "token_expired", "call": 3}, 3, "TAJO-201"),
        ({"fault": "jwt_invalid", "reason": "PUBLIC_KEY_FINGERPRINT_MISMATCH"}, 3, "(394304)"),
        ({"fault": "jwt_invalid", "reason": "ACCOUNT_MISMATCH"}, 3, "(394307)"),
        ({"fault": "network_policy"}, 3, "TAJO-302 Snowflake's network policy keeps this machine"),
        ({"fault": "suspended_warehouse"}, 3, "TAJO-303 the warehouse"),
        ({"fault": "short_partition", "rows": 3}, 5, "TAJO-701"),
        ({"fault": "declare_extra_rows", "rows": 5}, 5, f"declared {MANY + 5} rows"),
        ({"fault": "truncated_partition"}, 5, "TAJO-702"),
        ({"fault": "partition_reset"}, 5, "TAJO-501"),
        ({"fault": "rate_limited"}, 5, "TAJO-501"),
        ({"fault": "status", "status": 500}, 5, "HTTP 500"),
    ],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_a_fault_that_stays(
    people: Workspace, snowflake: Snowflake, fault: dict[str, Any], code: int, told: str
) -> None:
    """Each is told as what it is, within the patience that the workspace has."""
    people.write(snowflake={"transport": "sql_api", "network_timeout": 1})
    snowflake.plan(**fault, times=ALWAYS)
    _failed(people, code, told)


def test_the_driver_tells_the_network_policy_from_wrong_credentials(
    people: Workspace, snowflake: Snowflake
) -> None:
    """The driver's own number is that of any refused connection; the text decides."""
    people.write(snowflake={"transport": "connector"})
    snowflake.plan("network_policy", times=ALWAYS)
    _failed(people, 3, "TAJO-302", "Add this machine's address")


def test_a_token_that_nothing_renews(people: Workspace, snowflake: Snowflake) -> None:
    """A programmatic access token that is refused once is not tried again."""
    token = people.sandbox.programmatic_access_token
    people.write(snowflake={"transport": "sql_api", "auth": {"method": "pat", "token": token}})
    snowflake.plan("token_expired", times=1)
    _failed(people, 3, "TAJO-201")


def test_a_token_endpoint_that_stays_away(people: Workspace, snowflake: Snowflake) -> None:
    """An outage, not wrong credentials; on both transports."""
    sandbox = people.sandbox
    auth = {
        "method": "oauth_refresh_token",
        "client_id": sandbox.oauth_client_id,
        "client_secret": sandbox.oauth_client_secret,
        "refresh_token": sandbox.oauth_refresh_token,
    }
    snowflake.plan("token_endpoint", status=503, times=ALWAYS)
    for transport in TRANSPORTS:
        people.write(snowflake={"transport": transport, "auth": auth, "network_timeout": 1})
        _failed(people, 5, "TAJO-503", "HTTP 503")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_key_that_was_revoked(people: Workspace, snowflake: Snowflake, transport: str) -> None:
    """The public key is taken from the user: the fingerprint's place is named."""
    people.write(snowflake={"transport": transport})
    public = _public_key(people.sandbox)
    snowflake.register(1, None)
    try:
        _failed(people, 3, "TAJO-201", "DESC USER shows RSA_PUBLIC_KEY_FP")
    finally:
        snowflake.register(1, public)
    assert _everybody(_extracted(people))


def _public_key(sandbox: Sandbox) -> str:
    key = serialization.load_pem_private_key(sandbox.private_key_path.read_bytes(), None)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return public.decode()


@pytest.mark.parametrize("account", ["my org-account", "https://app.snowflake.com/myorg/account"])
def test_an_account_in_a_wrong_form(people: Workspace, account: str) -> None:
    """What cannot be an account's name is told before Snowflake is called."""
    people.write(snowflake={"account": account})
    ran = people.tajo("connectors", "sync", "snowflake")
    assert (2, True) == (ran.code, "connectors.snowflake.account: must be" in ran.err), ran.err


@pytest.mark.parametrize("minutes", [2, -2])
def test_a_clock_that_is_wrong(
    people: Workspace, snowflake: Snowflake, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    """Of a token that is refused for its time the difference to Snowflake's clock is told."""
    monkeypatch.setattr(credentials, "datetime", _wrong_by(minutes))
    monkeypatch.setattr(error_translation, "datetime", _wrong_by(minutes))
    if minutes < 0:
        # A token that is two minutes old as it is made is refused by this rule alone.
        snowflake.plan("clock_skew", seconds=0, times=ALWAYS)
    _failed(people, 3, "TAJO-201", "This machine's clock is 0:0", " off Snowflake's: set it (NTP)")


def test_a_clock_that_is_wrong_over_the_driver(
    people: Workspace, snowflake: Snowflake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver does not show Snowflake's clock: ours is named as a possible reason."""
    monkeypatch.setattr("snowflake.connector.auth.keypair.datetime", _wrong_by(2))
    people.write(snowflake={"transport": "connector"})
    _failed(people, 3, "TAJO-201", "this machine's clock")


def _wrong_by(minutes: int) -> type[datetime]:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(time.time() + minutes * 60, tz)

    return Clock


# Statements.


def test_a_statement_over_its_time_out(people: Workspace, snowflake: Snowflake) -> None:
    """Snowflake cancels it; the setting and its value are told."""
    people.audience("people", ENDLESS, {"email": "email"})
    people.write(snowflake={"transport": "sql_api", "statement_timeout": 1})
    _failed(people, 5, "TAJO-502", "longer than statement_timeout (1 s)")


def test_a_statement_that_snowflake_does_not_end(
    people: Workspace, snowflake: Snowflake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its time-out and some grace we cancel it ourselves."""
    people.audience("people", f"{ENDLESS} WHERE 'ours' = 'ours'", {"email": "email"})
    monkeypatch.setattr(sql_api, "_GRACE_SECONDS", -59.5)
    people.write(snowflake={"transport": "sql_api", "statement_timeout": 60})
    _failed(people, 5, "TAJO-502", "and was cancelled")
    [cancelled] = snowflake.statements("'ours'")
    assert "SQL execution canceled" == cancelled["error"]


def test_408_to_the_submission(people: Workspace, snowflake: Snowflake) -> None:
    """What Snowflake answers to who waits for a statement is the same error."""
    settings = people.settings().snowflake
    bearer = credentials.credentials_of(settings, people.folder).bearer()
    answer = httpx.post(
        f"{snowflake.url}/api/v2/statements",
        json={"statement": ENDLESS, "timeout": 1, "database": "MARKETING_DB", "schema": "PUBLIC"},
        headers={
            "Authorization": f"Bearer {bearer.value}",
            "X-Snowflake-Authorization-Token-Type": bearer.kind,
        },
        timeout=30,
    )
    error = error_translation.refusal(answer, settings, "sql/people.sql")
    assert (408, "TAJO-502") == (answer.status_code, error.code)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("DROP TABLE {}", ("TAJO-126", "it begins with DROP")),
        ("CREATE OR REPLACE TABLE {} (a INT)", ("TAJO-126", "it begins with CREATE")),
        ("DELETE FROM {}", ("TAJO-126", "it begins with DELETE")),
        ("SELECT email FROM {0};\nDROP TABLE {0};", ("TAJO-125", "line 2: a second statement")),
    ],
)
def test_what_is_not_one_query_never_runs(
    people: Workspace, snowflake: Snowflake, sql: str, told: tuple[str, str]
) -> None:
    """It is refused by name before anything runs: the table is as it was."""
    table = f"{people.prefix}_people".upper()
    before = _extracted(people).num_rows
    (people.folder / "sql" / "people.sql").write_text(sql.format(table))
    ran = people.tajo("connectors", "sync", "snowflake")
    assert (2, []) == (ran.code, [text for text in (*told, "people.sql") if text not in ran.err])
    (people.folder / "sql" / "people.sql").write_text(f"SELECT email FROM {table} -- again")
    assert before == _extracted(people).num_rows


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_empty_result_has_the_same_schema(
    people: Workspace, snowflake: Snowflake, transport: str
) -> None:
    """No row, and every column typed as it would be with rows, on both transports."""
    columns = (
        "'a' AS email, 1.50::NUMBER(12,2) AS ltv, 7 AS n, 0.5::FLOAT AS f, TRUE AS b, "
        "'2026-01-01'::DATE AS d, '2026-01-01'::TIMESTAMP_NTZ AS t, "
        "'2026-01-01 00:00:00 +01:00'::TIMESTAMP_TZ AS tz"
    )
    people.write(snowflake={"transport": transport})
    people.audience("people", f"SELECT {columns}", {"email": "email"})
    whole = _extracted(people)
    people.audience("people", f"SELECT {columns} WHERE 1 = 0", {"email": "email"})
    empty = _extracted(people)
    assert (1, 0) == (whole.num_rows, empty.num_rows)
    assert whole.schema.remove_metadata() == empty.schema.remove_metadata()
    assert {
        "EMAIL": "string",
        "LTV": "decimal128(38, 2)",
        "N": "decimal128(38, 0)",
        "F": "double",
        "B": "bool",
        "D": "date32[day]",
        "T": "timestamp[us]",
        "TZ": "timestamp[us, tz=UTC]",
    } == {field.name: str(field.type) for field in empty.schema}


@pytest.mark.long
def test_ten_thousand_columns(people: Workspace, snowflake: Snowflake) -> None:
    """All arrive, in their order, on both transports."""
    wide, count = f"{people.prefix}_wide".upper(), 10_000
    columns = ", ".join(f"{n} AS c{n}" for n in range(count))
    with httpx.Client(base_url=snowflake.url, headers=sql_api_calls.PAT, timeout=120) as client:
        api = sql_api_calls.SqlApi(people.sandbox, client)
        api.rows(f"CREATE TABLE {wide} AS SELECT 'a@example.com' AS email, {columns}")
    people.audience("people", f"SELECT * FROM {wide}", {"email": "email"})
    for transport in TRANSPORTS:
        people.write(snowflake={"transport": transport})
        table = _extracted(people)
        assert ["EMAIL", *(f"C{n}" for n in range(count))] == table.column_names
        assert [0, count - 1] == [table["C0"][0].as_py(), table[f"C{count - 1}"][0].as_py()]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_column_with_quotes_and_an_emoji(
    people: Workspace, snowflake: Snowflake, transport: str
) -> None:
    """Any name that Snowflake takes can be mapped; case makes no difference."""
    people.write(snowflake={"transport": transport})
    people.audience(
        "people",
        "SELECT 'a@example.com' AS email, 'x' AS \"Größe \"\"🌞\"\" 'é'\"",
        {"email": "email", "größe \"🌞\" 'é'": "SIZE"},
    )
    assert ["EMAIL", "Größe \"🌞\" 'é'"] == _extracted(people).column_names
    assert 1 == _partition(people).map().rows


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("second", "names"), [("email", "EMAIL, EMAIL"), ('"Email"', "EMAIL, Email")]
)
def test_a_name_twice(
    people: Workspace, snowflake: Snowflake, transport: str, second: str, names: str
) -> None:
    """Which of two columns is meant nobody can tell where it is mapped; elsewhere nobody asks."""
    people.write(snowflake={"transport": transport})
    twice = f"SELECT 'a@example.com' AS email, 'b@example.com' AS {second}, 1 AS n, 2 AS n"
    people.audience("people", twice, {"email": "email"})
    ran = people.tajo("connectors", "sync", "snowflake")
    assert (2, True) == (ran.code, "TAJO-604" in ran.err), ran.err
    assert f"returns {names}: " in ran.err


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_unmapped_name_twice(people: Workspace, snowflake: Snowflake, transport: str) -> None:
    """It is told as unmapped and does no harm."""
    people.write(snowflake={"transport": transport})
    people.audience("people", "SELECT 'a@example.com' AS email, 1 AS n, 2 AS n", {"email": "email"})
    [run] = people.sync()
    assert (1, 1) == (run["extracted"], run["confirmed"])


# Many statements at once.


def _api(workspace: Workspace) -> SqlApi:
    settings = workspace.settings().snowflake
    return SqlApi(settings, credentials.credentials_of(settings, workspace.folder))


@pytest.mark.long
def test_at_most_twenty_statements_of_a_user_run_at_once(
    people: Workspace, snowflake: Snowflake
) -> None:
    """Twenty are in flight; the others begin as these end, and all come to their end."""
    source, entered, go_on = _api(people), threading.Semaphore(0), threading.Event()
    mark = f"{people.prefix}_slot"

    def run(number: int) -> int:
        statement = Statement(f"SELECT {number} AS n, '{mark}' AS mark", "a test")
        with source.extract(Question(statement, {}, "a tag")) as extract:
            entered.release()
            go_on.wait(20)
            return sum(batch.num_rows for batch in extract.batches)

    with ThreadPoolExecutor(25) as pool:
        running = [pool.submit(run, number) for number in range(25)]
        begun = [entered.acquire(timeout=20) for _ in range(20)]
        one_more = entered.acquire(timeout=0.3)
        executed = len(snowflake.statements(mark))
        go_on.set()
        rows = [future.result(20) for future in running]
    assert ([True] * 20, False, 20) == (begun, one_more, executed)
    assert ([1] * 25, 25) == (rows, len(snowflake.statements(mark)))


# Ctrl-C.
SLOWEST = 240  # seconds: a process of its own, on a machine that may be slow
SIGNALS = [
    pytest.param(signal.SIGINT, id="Ctrl-C", marks=pytest.mark.long),
    pytest.param(signal.SIGTERM, id="a terminate"),
]


@pytest.mark.timeout(2 * SLOWEST)
@pytest.mark.parametrize("number", SIGNALS)
def test_an_interrupt_cancels_the_statement(
    people: Workspace, snowflake: Snowflake, number: signal.Signals
) -> None:
    """The statement ends in Snowflake, the process with the signal's code; nothing was sent."""
    mark = f"{people.prefix}_endless"
    people.audience("people", f"{ENDLESS} WHERE '{mark}' = '{mark}'", {"email": "email"})
    with forwarding_to(snowflake.url) as forwarder:
        people.write(snowflake={"transport": "sql_api", "port": forwarder.port})
        _interrupt(people, number, lambda: len(forwarder.paths) >= 3)  # it is polled
    [path] = [path for path in forwarder.paths if path.endswith("/cancel")]
    [cancelled] = snowflake.statements(mark)
    assert f"/api/v2/statements/{cancelled['query_id']}/cancel" == path
    assert "SQL execution canceled" == cancelled["error"]


@pytest.mark.timeout(2 * SLOWEST)
@pytest.mark.parametrize("number", SIGNALS)
def test_an_interrupt_over_the_driver(
    people: Workspace, snowflake: Snowflake, number: signal.Signals
) -> None:
    """The driver aborts its request and closes its session."""
    snowflake.plan("slow", seconds=8, call=2)
    with forwarding_to(snowflake.url) as forwarder:
        people.write(snowflake={"transport": "connector", "port": forwarder.port})
        _interrupt(people, number, lambda: not snowflake.pending())
        assert "/queries/v1/abort-request" in forwarder.paths
    assert 0 == snowflake.open_sessions()


def _interrupt(workspace: Workspace, number: signal.Signals, runs: Callable[[], bool]) -> None:
    """Sync in a process of its own, and end it as a terminal would while a statement runs."""
    command = [sys.executable, "-m", "tajo_sf_pipeline.cli.main", "connectors", "sync", "snowflake"]
    with subprocess.Popen(
        [*command, "--config", str(workspace.file)],
        cwd=ROOT,
        env={**os.environ, "DAGSTER_HOME": str(workspace.folder / "dagster")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            deadline = time.monotonic() + SLOWEST
            while not runs():
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            process.send_signal(number)
            out, err = process.communicate(timeout=SLOWEST)
        finally:
            process.kill()
    assert (128 + number, "") == (process.returncode, out)
    assert ["people", "stopped before anything was planned; nothing was sent"] == [
        err.split()[0],
        " ".join(err.split()[2:]),
    ]
    left = [path for path in workspace.home.rglob("*") if path.is_file()]
    assert [] == [path for path in left if path.suffix != ".lock"]
