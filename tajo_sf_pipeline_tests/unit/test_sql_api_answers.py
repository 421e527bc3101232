"""The REST transport and Snowflake's answers, against a server that answers by script."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import stamina

from tajo_sf_pipeline.audience.statement import Statement
from tajo_sf_pipeline.config.settings import Snowflake
from tajo_sf_pipeline.errors import IncompleteError, VendorOutageError
from tajo_sf_pipeline.sources.base import Cost, Question
from tajo_sf_pipeline.sources.snowflake import cost, sql_api
from tajo_sf_pipeline.sources.snowflake.credentials import credentials_of
from tajo_sf_pipeline.sources.snowflake.driver import Driver
from tajo_sf_pipeline.sources.snowflake.source import SnowflakeSource
from tajo_sf_pipeline.sources.snowflake.sql_api import SqlApi
from tajo_sf_pipeline_tests.scripted_server import Answer, Scripted, scripted

QUERY = Statement("SELECT n FROM t WHERE at > :last_sync", "sql/people.sql")
PARIS = timezone(timedelta(hours=1))
BINDS = {"last_sync": datetime(2026, 11, 10, 1, tzinfo=PARIS)}
SUBMITTED = Answer(202, {"statementHandle": "01-a"})
RUNNING = Answer(202, {"statementHandle": "01-a", "message": "in progress"})


@pytest.fixture
def server() -> Iterator[Scripted]:
    """Run a server that answers as the test says."""
    with scripted() as running:
        yield running


@pytest.fixture
def source(server: Scripted, tmp_path: Path) -> SqlApi:
    """Connect to it."""
    settings = _settings(server)
    return SqlApi(settings, credentials_of(settings, tmp_path))


def _settings(server: Scripted, **more: Any) -> Snowflake:
    return Snowflake.model_validate(
        {
            "account": "org-account",
            "user": "tajo",
            "database": "DB",
            "schema": "PUBLIC",
            "host": "127.0.0.1",
            "port": urlsplit(server.url).port,
            "protocol": "http",
            "auth": {"method": "pat", "token": "a-token"},
            "network_timeout": 1,
            "statement_timeout": 60,
            **more,
        }
    )


def _first(rows: list[list[str]], *partitions: int, declared: int) -> Answer:
    """Answer with the first partition; each has as many rows as `partitions` say."""
    return Answer(
        json={
            "statementHandle": "01-a",
            "resultSetMetaData": {
                "numRows": declared,
                "partitionInfo": [{"rowCount": rows} for rows in partitions],
                "rowType": [{"name": "N", "type": "text"}],
            },
            "data": rows,
        }
    )


def _rows(source: SqlApi) -> list[str]:
    with source.extract(Question(QUERY, BINDS, "a-tag")) as extract:
        return [value for batch in extract.batches for value in batch["N"].to_pylist()]


def test_s15_a_statement_says_its_tag_its_zone_and_its_binds(
    source: SqlApi, server: Scripted
) -> None:
    """The session counts in UTC and so does what is bound; the tag finds it in the history."""
    server.will(SUBMITTED, _first([["1"]], 1, declared=1))
    assert ["1"] == _rows(source)
    body = server.asked[0].json()
    assert {"query_tag": "a-tag", "timezone": "UTC"} == body["parameters"]
    midnight = {"type": "TIMESTAMP_NTZ", "value": "1794268800000000000"}
    assert ({"1": midnight}, 60) == (body["bindings"], body["timeout"])
    assert "SELECT n FROM t WHERE at > ?" == body["statement"]


def test_s05_a_submission_that_was_not_answered_comes_again_as_the_same_one(
    source: SqlApi, server: Scripted
) -> None:
    """Under the id of the first attempt and marked as a retry, so that it runs once."""
    server.will(Answer(lost=True), SUBMITTED, _first([["1"]], 1, declared=1))
    with stamina.set_testing(True, attempts=3):
        assert ["1"] == _rows(source)
    first, second = (parse_qs(urlsplit(asked.path).query) for asked in server.asked[:2])
    assert {**first, "retry": ["true"]} == second
    assert {"async", "nullable", "requestId"} == set(first)


@pytest.mark.parametrize(
    ("partitions", "second", "told"),
    [
        ((2, 1), ["2", "3"], "2 rows for partition 0 "),
        ((1, 2), ["2"], "2 rows for partition 1 "),
        ((1, 1), ["2"], "3 rows for the result "),
    ],
    ids=["one has another's row", "the last one is short", "the whole is short"],
)
def test_s11_an_answer_with_other_rows_than_it_declares_is_incomplete(
    source: SqlApi, server: Scripted, partitions: tuple[int, ...], second: list[str], told: str
) -> None:
    """Each partition is counted, and then the whole: a wrong sum is never a smaller audience."""
    rest = Answer(json=[[one] for one in second])
    server.will(SUBMITTED, _first([["1"]], *partitions, declared=3), rest)
    with pytest.raises(IncompleteError) as caught:
        _rows(source)
    assert ("TAJO-701", True) == (caught.value.code, told in caught.value.happened)


def test_s11_partitions_arrive_in_their_order() -> None:
    """Whichever is fetched first, the rows stand as the statement ordered them."""

    def fetched(number: int) -> int:
        time.sleep(0.02 if number % 2 else 0)
        return number

    with sql_api._in_order(fetched, range(1, 9)) as found:  # type: ignore[arg-type] # noqa: SLF001
        assert list(range(1, 9)) == list(found)


def test_an_interrupt_cancels_what_runs(
    source: SqlApi, server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C between two looks at a statement ends it in Snowflake as well."""

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sql_api, "time", SimpleNamespace(monotonic=lambda: 0, sleep=interrupted))
    server.will(SUBMITTED, RUNNING, Answer(json={}))
    with pytest.raises(KeyboardInterrupt):
        _rows(source)
    last = server.asked[-1]
    assert ("POST", "/api/v2/statements/01-a/cancel") == (last.method, last.path)


def test_a_statement_that_does_not_end_is_cancelled(
    source: SqlApi, server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its time-out and some grace, and told as a time-out."""
    clock = SimpleNamespace(seconds=0.0)

    def sleep(_: float) -> None:
        clock.seconds += 30.0
        assert clock.seconds < 1000

    monkeypatch.setattr(
        sql_api, "time", SimpleNamespace(monotonic=lambda: clock.seconds, sleep=sleep)
    )
    server.will(SUBMITTED, RUNNING)
    with pytest.raises(VendorOutageError) as caught:
        _rows(source)
    assert ("TAJO-502", 90.0) == (caught.value.code, clock.seconds)
    assert "/api/v2/statements/01-a/cancel" == server.asked[-1].path


# What it cost.


def test_a_cost_is_that_of_the_statement_itself(source: SqlApi, server: Scripted) -> None:
    """The history shows other statements of the user too, the newest first."""
    answer = _first([["another", "9", "9", "9"], ["01-b", "0.5", "2", None]], 2, declared=2)
    names = ("query_id", "queued", "executing", "credits")
    answer.json["resultSetMetaData"]["rowType"] = [{"name": name, "type": "text"} for name in names]
    server.will(SUBMITTED, answer)
    assert Cost(0.5, 2.0, 0.0) == cost.cost_of(source, "01-b", "a-tag")


def test_a_cost_that_may_not_be_read_fails_nothing(source: SqlApi, server: Scripted) -> None:
    """It says the code of what was refused."""
    server.will(Answer(422, {"code": "003001", "message": "Insufficient privileges"}))
    assert "QUERY_HISTORY cannot be read: TAJO-301" == cost.cost_of(source, "01-b", "a-tag")


# Which transport.


@pytest.mark.parametrize(
    ("auth", "kind"),
    [
        ({"method": "password", "password": "a-password"}, Driver),
        ({"method": "pat", "token": "a-token"}, SqlApi),
    ],
)
def test_a_small_question_takes_the_transport_that_can_sign_in(
    server: Scripted, tmp_path: Path, auth: dict[str, str], kind: type
) -> None:
    """The SQL API takes no password; for all else the driver's second is not paid."""
    assert kind is type(SnowflakeSource(_settings(server, auth=auth), tmp_path).small_transport)
