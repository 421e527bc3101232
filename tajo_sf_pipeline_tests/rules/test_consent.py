"""Consent (S09): who said no stays unmailed, whatever else a run, a retry or a person does."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pyarrow as pa
import pytest

from tajo_sf_pipeline.engine.mapped_files import reasons
from tajo_sf_pipeline.errors import ConfigurationError
from tajo_sf_pipeline.state.run_summary import Summary
from tajo_sf_pipeline_tests.engine import Engine
from tajo_sf_pipeline_tests.workspaces import BrevoAccount, Workspace

DAY = date(2026, 11, 20)
ANN = "ann@example.com"
COLUMNS = {
    "email": pa.string(),
    "points": pa.float64(),
    "optin": pa.bool_(),
    "texts": pa.bool_(),
    "said_at": pa.timestamp("us", tz="UTC"),
}
MAPPING = {"email": "email", "points": "POINTS", "optin": "consent.email"}
# More than a hundred go by import where they can.
FEW_AND_MANY = pytest.mark.parametrize(
    "many", [pytest.param(2, id="few"), pytest.param(105, marks=pytest.mark.long, id="many")]
)
HOUR = timedelta(hours=1)


@pytest.fixture
def account(workspace: Workspace) -> BrevoAccount:
    """Return the account of the workspace, with the attribute that is written."""
    workspace.brevo.attributes(POINTS="float")
    return workspace.brevo


def _engine(workspace: Workspace, mapping: dict[str, Any] | None = None, **consent: Any) -> Engine:
    query = f"SELECT {', '.join(COLUMNS)} FROM {workspace.prefix}_rows"
    workspace.audience("rows", query, mapping or MAPPING, consent=consent)
    return Engine.of(workspace, "rows", pa.schema(COLUMNS))


def _row(optin: bool | None, points: float = 1, email: str = ANN, **more: Any) -> dict[str, Any]:
    return {"email": email, "points": points, "optin": optin, **more}


def _person(account: BrevoAccount, deed: str, **body: Any) -> None:
    """Do what a person does in Brevo."""
    url = f"{account.url}/admin/accounts/{account.key}/{deed}"
    httpx.post(url, json=body).raise_for_status()


def _blocked(account: BrevoAccount, email: str = ANN, channel: str = "email") -> bool:
    return bool(account.contacts()[email][f"{channel}Blacklisted"])


def _counts(run: Summary) -> tuple[int, int, int]:
    assert run.conserved, run
    return run.confirmed, run.resubscribe, run.kept_blocklisted


def test_s09_an_opt_out_stands_when_something_else_changes(
    workspace: Workspace, account: BrevoAccount
) -> None:
    """The source says yes all along: that is no new consent, and the flag is not touched."""
    engine = _engine(workspace, resubscribe=True)
    assert (1, 0, 0) == _counts(engine.run([_row(True)], DAY))
    _person(account, "unsubscribe", email=ANN)
    assert (1, 0, 0) == _counts(engine.run([_row(True, points=2)], DAY))
    assert _blocked(account)


def test_s09_a_yes_that_came_after_the_last_no_lifts_the_flag(
    workspace: Workspace, account: BrevoAccount
) -> None:
    """It is an action with a count of its own; without `resubscribe` it is not even looked up."""
    engine = _engine(workspace, resubscribe=True)
    engine.run([_row(False)], DAY)
    assert _blocked(account)
    assert (1, 1, 0) == _counts(engine.run([_row(True)], DAY))
    assert not _blocked(account)


def test_s09_an_opt_out_after_the_last_accepted_state_stands(
    workspace: Workspace, account: BrevoAccount
) -> None:
    """The warehouse changes to yes, and does not know that the contact has unsubscribed since."""
    engine = _engine(workspace, resubscribe=True)
    engine.run([_row(False)], DAY)
    _person(account, "unsubscribe", email=ANN, moment=_in(HOUR))
    assert (1, 0, 1) == _counts(engine.run([_row(True)], DAY))
    assert (1, 0, 0) == _counts(engine.run([_row(True, points=2)], DAY)), "decided once"
    assert _blocked(account)


def test_s09_the_moment_of_consent_decides(workspace: Workspace, account: BrevoAccount) -> None:
    """It is held against Brevo's opt-out: what was said before it is no consent any more."""
    engine = _engine(workspace, resubscribe=True, at="said_at")
    engine.run([_row(True, said_at=_at(-5))], DAY)
    _person(account, "unsubscribe", email=ANN, moment=_at(-3).isoformat())
    assert (1, 0, 1) == _counts(engine.run([_row(True, said_at=_at(-4))], DAY))
    assert _blocked(account)
    assert (1, 1, 0) == _counts(engine.run([_row(True, said_at=_at(-2))], DAY))
    assert not _blocked(account)


def test_s09_a_moment_of_consent_that_has_not_come_is_none(
    workspace: Workspace, account: BrevoAccount
) -> None:
    """It would beat every opt-out; it lifts nothing, and does not outdo the true one later."""
    engine = _engine(workspace, resubscribe=True, at="said_at")
    engine.run([_row(True, said_at=_at(-5))], DAY)
    _person(account, "unsubscribe", email=ANN, moment=_at(-3).isoformat())
    engine.run([_row(True, said_at=_at(3000))], DAY)
    assert _blocked(account)
    assert (1, 1, 0) == _counts(engine.run([_row(True, said_at=_at(-2))], DAY))
    assert not _blocked(account)


def test_s09_a_flag_without_a_moment_is_an_opt_out_of_now(
    workspace: Workspace, account: BrevoAccount
) -> None:
    """Whatever moment the source gives is before it."""
    account.change(records_admin_unsubscriptions=False)
    account.contact(ANN, emailBlacklisted=True)
    engine = _engine(workspace, resubscribe=True, at="said_at")
    assert (1, 0, 1) == _counts(engine.run([_row(True, said_at=_at(-1))], DAY))
    assert _blocked(account)


@FEW_AND_MANY
@pytest.mark.parametrize(("unknown", "blocked"), [("blocklist", {True}), ("subscribe", {False})])
def test_s09_a_new_contact_whose_consent_is_unknown(
    workspace: Workspace, account: BrevoAccount, many: int, unknown: str, blocked: set[bool]
) -> None:
    """It is not mailable, unless the audience says so; who is in Brevo already stays as he is."""
    account.contact(ANN)
    engine = _engine(workspace, unknown=unknown)
    new = [_row(None, email=f"p{number}@example.com") for number in range(many)]
    assert many + 1 == engine.run([_row(None), *new], DAY).confirmed
    assert not _blocked(account)
    assert blocked == {_blocked(account, row["email"]) for row in new}


def test_s09_an_unknown_consent_may_reject_the_row(
    workspace: Workspace, account: BrevoAccount
) -> None:
    """It says so; its neighbours arrive."""
    engine = _engine(workspace, unknown="reject")
    run = engine.run([_row(None), _row(True, email="bob@example.com")], DAY)
    assert (1, 1) == (run.rejected, run.confirmed)
    assert {"bob@example.com"} == set(account.contacts())
    assert {"optin consent is unknown": 1} == reasons(engine.paths.rejected(DAY))


def test_s09_text_messages_have_a_consent_of_their_own(
    workspace: Workspace, account: BrevoAccount
) -> None:
    """A yes to one channel says nothing of the other."""
    engine = _engine(workspace, {**MAPPING, "texts": "consent.sms"}, resubscribe=True)
    engine.run([_row(False, texts=False)], DAY)
    assert (1, 1, 0) == _counts(engine.run([_row(False, texts=True)], DAY))
    assert (True, False) == (_blocked(account), _blocked(account, channel="sms"))


def test_s09_a_retry_lifts_nothing(workspace: Workspace, account: BrevoAccount) -> None:
    """What was decided before a refusal is not what is known when the row comes again."""
    query = f"SELECT {', '.join(COLUMNS)} FROM {workspace.prefix}_rows WHERE said_at > :last_sync"
    workspace.audience("rows", query, MAPPING, consent={"resubscribe": True})
    engine = Engine.of(workspace, "rows", pa.schema(COLUMNS))
    engine.run([_row(False)], DAY)
    account.change(faults=[{"poison": "31337"}])
    assert 1 == engine.run([_row(True, points=31337)], DAY).failed
    account.change(faults=[])
    _person(account, "unsubscribe", email=ANN)
    other = _row(True, email="bob@example.com")
    assert 1 == engine.run([other], DAY).retried
    assert _blocked(account)


def test_s09_a_backfill_lifts_nothing(workspace: Workspace, account: BrevoAccount) -> None:
    """It brings back what was, and no consent; the incremental run then decides."""
    engine = _engine(workspace, resubscribe=True)
    engine.run([_row(False)], DAY)
    assert (1, 0, 0) == _counts(engine.run([_row(True)], DAY, "backfill"))
    assert _blocked(account)
    assert (1, 1, 0) == _counts(engine.run([_row(True, points=2)], DAY))
    assert not _blocked(account)


def test_s09_a_consent_is_never_taken_for_another_value(workspace: Workspace) -> None:
    """`on_invalid` may not make a consent of what cannot be read."""
    mapping = {**MAPPING, "optin": {"to": "consent.email", "on_invalid": "null"}}
    with pytest.raises(ConfigurationError, match=r"consent\.email is a consent"):
        _engine(workspace, mapping)


def test_s09_the_plan_shows_what_would_be_lifted(
    workspace: Workspace, account: BrevoAccount
) -> None:
    """Before anything is written, in JSON and in words."""
    table = workspace.table("rows", "email,points,optin", [[ANN, 1, "no"]])
    workspace.audience("rows", f"SELECT * FROM {table}", MAPPING, consent={"resubscribe": True})
    workspace.sync()
    workspace.table("rows", "email,points,optin", [[ANN, 1, "yes"]])
    one = json.loads(workspace.tajo("plan", "rows", "--json").out)
    assert "error" not in one, one
    assert (1, 0) == (one["resubscribe"], one["kept_blocklisted"])
    assert "1 of these would be taken off the blocklist" in " ".join(
        workspace.tajo("plan", "rows").out.split()
    )
    [run] = workspace.sync()
    assert (1, 0) == (run["resubscribe"], run["kept_blocklisted"])
    assert not _blocked(account)


def _at(days: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)


def _in(time: timedelta) -> str:
    return (datetime.now(UTC) + time).isoformat()
