"""The local Brevo as a process, and its accounts."""

import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from tajo_sf_pipeline_tests.brevo_calls import (
    NewAccount,
    admin,
    command,
    create,
    declare,
    error,
    new_list,
    start_import,
    started,
)


class TestProcess:
    def test_says_that_the_port_is_taken(self, tmp_path: Path) -> None:
        """A taken port ends in one line that names it and exit code 2."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            ended = subprocess.run(
                command(tmp_path, port), capture_output=True, text=True, check=False, timeout=20
            )
        assert (
            ended.returncode,
            len(ended.stderr.splitlines()),
            f"{port} is taken" in ended.stderr,
        ) == (2, 1, True)

    def test_keeps_its_data_and_leaves_orderly(self, tmp_path: Path) -> None:
        """Contacts outlive the process, an unfinished import fails, both ways out exit with 0."""
        server, address = started(tmp_path, "--account-key", "mine", "--plan", "extended")
        assert server.stdin
        with httpx.Client(base_url=address, headers={"api-key": "mine"}) as brevo:
            create(brevo, "kept@example.com")
            declare(brevo, {"import_stays": "in_process"})
            process = start_import(brevo, jsonBody=[{"email": "a@example.com"}])
        server.send_signal(signal.SIGTERM)
        assert server.wait(10) == 0
        server.stdin.close()

        server, address = started(tmp_path, "--account-key", "mine", "--until-stdin-closes")
        assert server.stdin
        with httpx.Client(base_url=address, headers={"api-key": "mine"}) as brevo:
            kept = brevo.get("/v3/contacts/kept@example.com")
            ended = brevo.get(f"/v3/processes/{process}")
        server.stdin.close()
        assert server.wait(10) == 0
        assert (
            kept.status_code,
            kept.headers["x-sib-ratelimit-limit"],
            ended.json()["status"],
        ) == (200, "60", "failed")


class TestAccounts:
    @pytest.mark.parametrize("headers", [{}, {"api-key": "nobody"}])
    def test_refuses_an_unknown_key(self, address: str, headers: dict[str, str]) -> None:
        """A missing and an unknown key get the same 401."""
        answer = httpx.get(f"{address}/v3/account", headers=headers)
        assert (401, error("unauthorized", "Key not found")) == (answer.status_code, answer.json())

    def test_are_separate(self, new_account: NewAccount) -> None:
        """What one account has is not there for another, not even by its id."""
        one, other = new_account(), new_account()
        contact, list_ = create(one, "a@example.com"), new_list(one)
        assert [
            other.get(f"/v3/contacts/{contact}").status_code,
            other.get("/v3/contacts/a@example.com").status_code,
            other.get(f"/v3/contacts/lists/{list_}").status_code,
        ] == [404, 404, 404]

    def test_start_furnished(self, brevo: httpx.Client) -> None:
        """A new account has one folder and the attributes of every Brevo account."""
        names = {a["name"] for a in brevo.get("/v3/contacts/attributes").json()["attributes"]}
        assert {"FIRSTNAME", "LASTNAME", "SMS", "WHATSAPP", "LANDLINE_NUMBER", "EXT_ID"} == names
        assert brevo.get("/v3/contacts/folders").json()["count"] == 1

    def test_are_emptied_when_made_again(self, brevo: httpx.Client) -> None:
        """Creating an account again leaves nothing of what it had."""
        create(brevo, "a@example.com", listIds=[new_list(brevo)])
        event = {"event_name": "seen", "identifiers": {"email_id": "a@example.com"}}
        brevo.post("/v3/events", json=event).raise_for_status()
        brevo.post("/admin/accounts", json={"key": brevo.headers["api-key"], "rate_limits": False})
        summary = brevo.get(admin(brevo, "/summary")).json()
        assert (summary) == {
            "contacts": 0,
            "lists": [],
            "attributes": 6,
            "processes": 0,
            "events": 0,
            "objects": 0,
            "campaigns": 0,
            "requests": {},
            "routes": {},
        }

    def test_show_themselves(self, new_account: NewAccount) -> None:
        """GET /account has the documented fields; `enterprise` follows the plan."""
        account = new_account(plan="extended").get("/v3/account").json()
        assert account["enterprise"] is True
        assert {"organization_id", "user_id", "companyName", "email", "address", "plan"} <= set(
            account
        )

    def test_name_what_is_missing(self, brevo: httpx.Client) -> None:
        """A path that is not built yet says so in JSON, with a 404."""
        answer = brevo.get("/v3/webhooks")
        assert (
            answer.status_code,
            answer.json()["message"],
        ) == (404, "the local Brevo does not answer GET /v3/webhooks yet")
