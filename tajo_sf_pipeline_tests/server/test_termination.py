"""A run that is terminated in Dagster: it says what was sent, and the next one does the rest."""

from collections.abc import Iterator

import httpx
import pytest

from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline.state.ledger import Ledger
from tajo_sf_pipeline_tests.dagster_processes import Dagster, running
from tajo_sf_pipeline_tests.forwarder import Forwarder, forwarding_to
from tajo_sf_pipeline_tests.workspaces import BrevoAccount, Workspace

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
PEOPLE = 60
ENDLESS = "SELECT COUNT(*) AS email FROM TABLE(GENERATOR(ROWCOUNT => 900000000000))"


@pytest.fixture(scope="module")
def wire(sandbox: Sandbox) -> Iterator[Forwarder]:
    """See what Snowflake is asked."""
    with forwarding_to(sandbox.snowflake_url) as forwarder:
        yield forwarder


@pytest.fixture(scope="module")
def people(
    sandbox: Sandbox, wire: Forwarder, tmp_path_factory: pytest.TempPathFactory
) -> Workspace:
    """Make an audience of a few people, and one whose statement never ends."""
    folder = tmp_path_factory.mktemp("terminated")
    workspace = Workspace.new(folder, sandbox, BrevoAccount.new(sandbox))
    workspace.write(snowflake={"transport": "sql_api", "port": wire.port})
    rows = [[f"p{number:02}@example.com"] for number in range(PEOPLE)]
    table = workspace.table("people", "email", rows)
    workspace.audience("people", f"SELECT email FROM {table}", {"email": "email"})
    mark = f"'{workspace.prefix}' = '{workspace.prefix}'"
    workspace.audience("endless", f"{ENDLESS} WHERE {mark}", {"email": "email"})
    return workspace


@pytest.fixture(scope="module")
def dagster(people: Workspace) -> Iterator[Dagster]:
    """Run a webserver and a daemon on it."""
    with running(people.folder / "dagster", people.file) as started:
        yield started


def test_a_run_that_is_terminated_while_it_sends(people: Workspace, dagster: Dagster) -> None:
    """Its log and the ledger say how far it came, nothing is in flight, and the next goes on."""
    today = str(people.settings().today())
    slow = {"delay": 1, "method": "POST", "path": "/v3/contacts", "times": PEOPLE, "skip": 10}
    people.brevo.change(faults=[slow])
    run = dagster.client.launch_run("people_incremental", today)
    dagster.wait_until(lambda: people.brevo.count("contacts") > 10, "the first contacts")
    dagster.client.terminate_run(run)
    assert "CANCELED" == dagster.ended_run(run), dagster.last_words()
    people.brevo.change(faults=[])

    stopped = Ledger(people.paths("people").ledger).run_of(run)
    assert ("interrupted", PEOPLE, True) == (stopped.outcome, stopped.planned, stopped.conserved)
    assert 10 <= stopped.confirmed < PEOPLE
    told = f"people stopped (interrupted): {stopped.confirmed} of {PEOPLE} rows were accepted by"
    assert [True] == [told in line for line in dagster.client.messages(run) if "stopped (" in line]
    # The call that was on its way may have arrived without being confirmed.
    assert people.brevo.count("contacts") - stopped.confirmed in {0, 1}
    assert not people.paths("people").journal.exists()

    again = dagster.client.launch_run("people_incremental", today)
    assert "SUCCESS" == dagster.ended_run(again), dagster.last_words()
    finished = Ledger(people.paths("people").ledger).run_of(again)
    assert (stopped.confirmed, PEOPLE - stopped.confirmed) == (
        *(finished.unchanged, finished.confirmed),
    )
    assert PEOPLE == people.brevo.count("contacts")


def test_a_run_that_is_terminated_while_snowflake_works(
    people: Workspace, dagster: Dagster, wire: Forwarder
) -> None:
    """Its statement is cancelled there; nothing was planned, and nothing sent."""
    before, asked = people.brevo.writes(), len(wire.paths)
    run = dagster.client.launch_run("endless_incremental", str(people.settings().today()))
    dagster.wait_until(lambda: len(_polls(wire, asked)) > 1, "the statement")
    dagster.client.terminate_run(run)
    assert "CANCELED" == dagster.ended_run(run), dagster.last_words()
    assert _polls(wire, asked)[-1].endswith("/cancel")
    [statement] = _statements(people)
    assert "SQL execution canceled" == statement["error"]
    assert before == people.brevo.writes()
    assert not people.paths("endless").ledger.exists()


def _polls(wire: Forwarder, asked: int) -> list[str]:
    """Give what was asked of statements since so many requests."""
    return [path for path in wire.paths[asked:] if path.startswith("/api/v2/statements/")]


def _statements(workspace: Workspace) -> list[dict[str, str | None]]:
    """Give the executions of the endless statement, ended or cancelled."""
    url = f"{workspace.sandbox.snowflake_url}/admin/statements"
    found = httpx.get(url).raise_for_status().json()["statements"]
    return [one for one in found if f"'{workspace.prefix}' =" in one["sql"]]
