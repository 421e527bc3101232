"""What the local Brevo does wrong when told."""

from typing import Any

import httpx
import pytest

from tajo_sf_pipeline_tests.brevo_calls import (
    NewAccount,
    admin,
    attributes_of,
    create,
    declare,
    error,
    new_list,
    reports_of,
    start_import,
    states_of,
)


class TestFaults:
    def test_answer_instead(self, brevo: httpx.Client) -> None:
        """A status strikes as often as declared, on its method and path, and nothing is done."""
        declare(brevo, {"method": "POST", "path": "/v3/contacts", "status": 503, "times": 2})
        body = {"email": "a@example.com"}
        assert brevo.get("/v3/contacts").json()["count"] == 0
        assert [brevo.post("/v3/contacts", json=body).status_code for _ in range(3)] == [
            503,
            503,
            201,
        ]

    def test_lose_the_answer(self, brevo: httpx.Client) -> None:
        """`after` carries the request out and answers with the status all the same."""
        declare(brevo, {"method": "POST", "path": "/v3/contacts", "status": 524, "after": True})
        lost = brevo.post("/v3/contacts", json={"email": "a@example.com"})
        assert (
            lost.status_code,
            lost.headers["content-type"],
            brevo.get("/v3/contacts").json()["count"],
        ) == (524, "text/html; charset=utf-8", 1)

    @pytest.mark.parametrize("status", ["failed", "cancelled"])
    def test_end_an_import(self, brevo: httpx.Client, status: str) -> None:
        """The next import ends as declared and stores nothing; the one after it is well."""
        declare(brevo, {"import_status": status})
        ends = []
        for email in ("a@example.com", "b@example.com"):
            process = start_import(brevo, jsonBody=[{"email": email}])
            ends.append(states_of(brevo, process)[-1]["status"])
        assert ([status, "completed"], 404, 200) == (
            ends,
            brevo.get("/v3/contacts/a@example.com").status_code,
            brevo.get("/v3/contacts/b@example.com").status_code,
        )

    def test_hold_an_import(self, brevo: httpx.Client) -> None:
        """An import that stays queued is overtaken by the next one."""
        declare(brevo, {"import_stays": "queued"})
        stuck = start_import(brevo, jsonBody=[{"email": "a@example.com"}])
        states_of(brevo, start_import(brevo, jsonBody=[{"email": "b@example.com"}]))
        assert {"id": stuck, "name": "IMPORTUSER", "status": "queued"} == (
            brevo.get(f"/v3/processes/{stuck}").json()
        )

    def test_report_a_good_row(self, brevo: httpx.Client) -> None:
        """A declared report names the row and keeps it out, though nothing is wrong with it."""
        declare(brevo, {"report": {"invalid_emails": ["a@example.com"]}})
        rows = [{"email": "a@example.com"}, {"email": "b@example.com"}]
        assert "a@example.com" in reports_of(brevo, jsonBody=rows)["invalid_emails"]
        assert brevo.get("/v3/contacts").json()["count"] == 1

    def test_say_what_they_are_told(self, brevo: httpx.Client) -> None:
        """A refusal carries the code and message declared for it, and Retry-After."""
        told = {"code": "account_in_process", "message": "Too early", "retry_after": 3}
        declare(brevo, {"status": 425, "method": "PUT", "path": "/v3/contacts/*"} | told)
        refused = brevo.put("/v3/contacts/a@example.com", json={})
        assert (425, error("account_in_process", "Too early"), "3") == (
            refused.status_code,
            refused.json(),
            refused.headers["retry-after"],
        )

    def test_tell_nothing_of_the_limits(self, new_account: NewAccount) -> None:
        """A 429 may come without a single header to wait by."""
        brevo = new_account(rate_limits=True)
        declare(brevo, {"status": 429, "headers": False}, {"status": 500, "html": True})
        silent, page = brevo.get("/v3/account"), brevo.get("/v3/account")
        assert not [name for name in silent.headers if "ratelimit" in name or "retry" in name]
        assert (500, True) == (page.status_code, page.text.startswith("<html>"))

    def test_strike_in_the_middle(self, brevo: httpx.Client) -> None:
        """With `skip` so many such requests go well before."""
        declare(brevo, {"status": 503, "path": "/v3/contacts", "skip": 2})
        statuses = [brevo.get("/v3/contacts").status_code for _ in range(4)]
        assert [200, 200, 503, 200] == statuses

    @pytest.mark.parametrize(("when", "count"), [("before", 0), ("after", 1)])
    def test_cut_the_connection(self, brevo: httpx.Client, when: str, count: int) -> None:
        """A request ends without an answer, done or not; it is logged with the status 0."""
        declare(brevo, {"disconnect": when, "method": "POST"})
        with pytest.raises(httpx.RemoteProtocolError):
            brevo.post("/v3/contacts", json={"email": "a@example.com"})
        summary = brevo.get(admin(brevo, "/summary")).json()
        assert (count, {"0": 1}) == (summary["contacts"], summary["requests"])

    def test_answer_late(self, brevo: httpx.Client) -> None:
        """A request is done at once and answered after whoever asked has gone."""
        declare(brevo, {"delay": 30, "method": "POST"})
        with pytest.raises(httpx.ReadTimeout):
            brevo.post("/v3/contacts", json={"email": "a@example.com"}, timeout=2)
        found = brevo.get("/v3/contacts/a@example.com")
        while found.status_code == 404:
            found = brevo.get("/v3/contacts/a@example.com")
        assert found.status_code == 200

    def test_delete_an_attribute_meanwhile(self, brevo: httpx.Client) -> None:
        """An attribute is gone right before the declared request, and its value with it."""
        declare(brevo, {"delete_attribute": "LASTNAME", "path": "/v3/contacts", "skip": 1})
        for name in "ab":
            create(brevo, f"{name}@example.com", attributes={"FIRSTNAME": "A", "LASTNAME": "B"})
        assert [{"FIRSTNAME": "A"}] * 2 == [
            attributes_of(brevo, f"{name}@example.com") for name in "ab"
        ]

    def test_poison_a_batch(self, brevo: httpx.Client) -> None:
        """Every request with the poisoned row is refused whole, those without it are not."""
        declare(brevo, {"poison": "b@example.com"})
        lists = {"listIds": [new_list(brevo)]}
        batches = [["a", "b"], ["a"], ["b"]]
        assert [400, 202, 400] == [
            brevo.post(
                "/v3/contacts/import",
                json=lists | {"jsonBody": [{"email": f"{name}@example.com"} for name in names]},
            ).status_code
            for names in batches
        ]

    def test_lose_a_report(self, brevo: httpx.Client) -> None:
        """A report that exists cannot be fetched."""
        declare(brevo, {"report_status": 403})
        body: dict[str, Any] = {"jsonBody": [{"email": "wrong"}, {"email": "a@example.com"}]}
        process = states_of(brevo, start_import(brevo, **body))[-1]
        url = process["info"]["import"]["invalid_emails"]
        assert [403, 200] == [httpx.get(url).status_code for _ in range(2)]

    def test_block_the_address(self, brevo: httpx.Client) -> None:
        """A blocked address gets the documented 401 until the fault is taken back."""
        declare(brevo, {"ip_blocked": "1.2.3.4"})
        blocked = brevo.get("/v3/account")
        declare(brevo)
        assert (
            blocked.status_code,
            blocked.json()["code"],
            "unrecognised IP address 1.2.3.4." in blocked.json()["message"],
            brevo.get("/v3/account").status_code,
        ) == (401, "unauthorized", True, 200)

    @pytest.mark.parametrize(
        "fault",
        [
            {},
            {"status": 200},
            {"status": 503, "import_status": "failed"},
            {"import_status": "completed"},
            {"report": {"wrong": []}},
            {"ip_blocked": "1.2.3.4", "times": 1},
            {"status": 503, "times": 0},
            {"status": 503, "path": 5},
            {"disconnect": "now"},
            {"delay": 0},
            {"poison": ""},
            {"report_status": 200},
            {"reject_records": "1"},
        ],
    )
    def test_must_be_declared_well(self, brevo: httpx.Client, fault: dict[str, Any]) -> None:
        """A fault that could never strike is refused, an unknown one with the list of all."""
        refused = brevo.patch(admin(brevo), json={"faults": [fault]})
        assert refused.status_code == 400
        if not fault:
            assert "disconnect, delay" in refused.json()["message"]
