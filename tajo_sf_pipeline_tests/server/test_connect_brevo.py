"""Connecting a Brevo account: the key into .env, and what it may do, line by line."""

import io
import stat
import sys
import uuid
from collections.abc import Callable
from typing import Any

import dotenv
import pytest

from tajo_sf_pipeline_tests.workspaces import Ran, Workspace


@pytest.fixture
def people(workspace: Workspace) -> Workspace:
    """Give a workspace whose audience writes two attributes; the key is to come from .env."""
    mapping = {"email": "email", "name": "FIRSTNAME", "points": "POINTS"}
    workspace.audience("people", "SELECT email, name, points FROM people", mapping)
    workspace.write(brevo={"api_key": "${BREVO_API_KEY}", "plan": "general"})
    return workspace


@pytest.fixture
def connect(people: Workspace, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run the command as a person does who pipes the secret in."""

    def run(given: str, *arguments: str) -> Ran:
        monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        return people.tajo("connectors", "connect", "brevo", *arguments)

    return run


@pytest.fixture
def oauth(people: Workspace) -> dict[str, str]:
    """Give a client of the account, which tajo.yaml names instead of a key."""
    settings = {"client_id": "${BREVO_CLIENT_ID}", "client_secret": "${BREVO_CLIENT_SECRET}"}
    people.write(brevo={"oauth": settings, "plan": "general"})
    with_key = people.file.read_text()
    people.file.write_text(with_key.replace(f"    api_key: {people.brevo.key}\n", ""))
    return {"client_id": uuid.uuid4().hex, "client_secret": "a-client-s3cret"}


def _env(workspace: Workspace) -> dict[str, str | None]:
    return dict(dotenv.dotenv_values(workspace.folder / ".env"))


def _findings(workspace: Workspace) -> dict[str, dict[str, Any]]:
    told = workspace.tajo("connectors", "test", "brevo", "--json").json()
    assert ("brevo", all(one["ok"] for one in told["findings"])) == (told["connector"], told["ok"])
    return {finding["check"]: finding for finding in told["findings"]}


def test_a_key_that_signs_in_is_kept(people: Workspace, connect: Callable[..., Ran]) -> None:
    """In .env, for its owner alone, beside what was there; what the account lacks is told."""
    env = people.folder / ".env"
    env.write_text("OTHER=kept\n")
    people.brevo.change(rate_limits=True)
    ran = connect(f"{people.brevo.key}\n")
    assert 2 == ran.code, ran.out + ran.err
    assert {"OTHER": "kept", "BREVO_API_KEY": people.brevo.key} == _env(people)
    assert 0o600 == stat.S_IMODE(env.stat().st_mode)
    assert people.brevo.key not in ran.out + ran.err
    assert "ok   sign-in: at" in ran.out
    assert "ok   plan: general: contacts 10/s, events 10/s, others 100/h" in ran.out
    assert "FAIL attributes of people: TAJO-611 Brevo has no attribute POINTS" in ran.out
    people.brevo.attributes(POINTS="float")
    assert 0 == people.tajo("connectors", "test", "brevo").code


def test_a_key_that_is_refused_is_not_kept(people: Workspace, connect: Callable[..., Ran]) -> None:
    """The command ends as a sign-in that failed; .env is as it was."""
    env = people.folder / ".env"
    env.write_text(f"BREVO_API_KEY={people.brevo.key}\n")
    ran = connect("not-a-key\n", "--yes")
    assert (3, True) == (ran.code, "TAJO-211" in ran.err)
    assert {"BREVO_API_KEY": people.brevo.key} == _env(people)


def test_a_key_is_replaced_only_by_somebody_who_says_so(
    people: Workspace, connect: Callable[..., Ran]
) -> None:
    """The question comes first; an empty answer to the secret changes nothing either."""
    (people.folder / ".env").write_text("BREVO_API_KEY=old\n")
    refused = connect("n\n")
    assert (2, True) == (refused.code, "TAJO-133" in refused.err)
    empty = connect("\n", "--yes")
    assert (2, True) == (empty.code, "TAJO-133" in empty.err)
    assert {"BREVO_API_KEY": "old"} == _env(people)


def test_an_oauth_client_is_connected_the_same_way(
    people: Workspace, connect: Callable[..., Ran], oauth: dict[str, str]
) -> None:
    """Its id and its secret are asked for; nothing is created by asking for the rights."""
    scopes = ["contacts:read", "contacts:write", "processes:read", "account:read"]
    people.brevo.change(oauth=oauth | {"scopes": scopes})
    people.brevo.attributes(POINTS="float")
    ran = connect(f"{oauth['client_id']}\n{oauth['client_secret']}\n")
    assert 0 == ran.code, ran.out + ran.err
    assert {
        "BREVO_CLIENT_ID": oauth["client_id"],
        "BREVO_CLIENT_SECRET": oauth["client_secret"],
    } == _env(people)
    assert "by OAuth client credentials" in ran.out
    assert "a-client-s3cret" not in ran.out + ran.err
    assert ({}, {}) == (people.brevo.contacts(), people.brevo.lists())


def test_a_scope_that_is_missing_is_named(people: Workspace, oauth: dict[str, str]) -> None:
    """Reading does not imply writing; the account's own name needs no scope."""
    people.brevo.change(oauth=oauth | {"scopes": ["contacts:read"]})
    people.brevo.attributes(POINTS="float")
    env = "".join(f"BREVO_{name.upper()}={value}\n" for name, value in oauth.items())
    (people.folder / ".env").write_text(env)
    found = _findings(people)
    assert {"sign-in", "account", "plan", "scope read /contacts/lists", "attributes of people"} == {
        name for name, finding in found.items() if finding["ok"]
    }
    refused = [finding for finding in found.values() if not finding["ok"]]
    assert {"TAJO-311"} == {finding["error"]["code"] for finding in refused}
    assert {
        "scope read /processes",
        "scope write /contacts",
        "scope write /contacts/import",
        "scope write /contacts/lists",
    } == {finding["check"] for finding in refused}


def test_every_finding_of_a_good_account_is_ok(people: Workspace) -> None:
    """Account, plan, each right that the audience needs, its list and its attributes."""
    people.write(brevo={"plan": "general"})
    people.brevo.change(rate_limits=True, plan="advanced")
    people.brevo.attributes(POINTS="float")
    mapping = {"email": "email", "points": "POINTS"}
    sql, to = "SELECT email, points FROM people", {"list_id": 99}
    people.audience("vips", sql, mapping, destination=to, shared=True)
    people.audience("people", sql, mapping, shared=True)
    found = _findings(people)
    assert {"list of vips": "TAJO-414"} == {
        name: finding["error"]["code"] for name, finding in found.items() if not finding["ok"]
    }
    assert "all 1 are there" == found["attributes of people"]["found"]
    assert "those of `plan: advanced`" in found["plan"]["found"]
    assert people.brevo.writes()
    assert ({}, {}) == (people.brevo.contacts(), people.brevo.lists())


def test_an_address_that_the_account_does_not_know(people: Workspace) -> None:
    """It is the only finding, and names the address."""
    people.write(brevo={})
    people.brevo.change(faults=[{"ip_blocked": "203.0.113.7"}])
    ran = people.tajo("connectors", "test", "brevo")
    assert (3, True) == (ran.code, "FAIL sign-in: TAJO-312" in ran.out)
    assert "203.0.113.7" in ran.out


def test_the_connectors_are_listed(people: Workspace) -> None:
    """Where each leads, how it signs in, and which variable is missing for that."""
    rows = people.tajo("connectors", "list", "--json").json()
    assert {
        "snowflake": ("key_pair", []),
        "brevo": ("api_key", ["BREVO_API_KEY"]),
    } == {row["name"]: (row["signs_in_by"], row["missing"]) for row in rows}
    ran = people.tajo("connectors", "list")
    assert (0, True) == (ran.code, people.brevo.url in ran.out)


def test_brevo_has_no_second_slot_for_keys(people: Workspace) -> None:
    """`rotate` says how it is done instead; a connector that there is not is told."""
    rotated = people.tajo("connectors", "rotate", "brevo")
    assert (2, True) == (rotated.code, "TAJO-109" in rotated.err)
    for command in ("connect", "test"):
        ran = people.tajo("connectors", command, "shopify")
        assert (2, True) == (ran.code, "TAJO-108" in ran.err)
