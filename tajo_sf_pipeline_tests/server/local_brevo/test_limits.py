"""The rate limits of the local Brevo."""

import pytest

from tajo_sf_pipeline_tests.brevo_calls import NewAccount, admin


class TestRateLimits:
    def test_count_down_and_refuse(self, new_account: NewAccount) -> None:
        """The 11th contacts call of a second is a 429 that tells the seconds to wait, once."""
        brevo = new_account(rate_limits=True)
        answers = [brevo.get("/v3/contacts?limit=1") for _ in range(11)]
        assert [answer.status_code for answer in answers] == [200] * 10 + [429]
        headers = answers[-1].headers
        assert tuple(
            headers[f"x-sib-ratelimit-{name}"] for name in ("limit", "remaining", "reset")
        ) == ("10", "0", "1")
        assert "retry-after" not in headers
        assert {"code", "message"} == set(answers[-1].json())

    @pytest.mark.parametrize(
        ("plan", "contacts", "others"),
        [("general", "10", "100"), ("advanced", "20", "200"), ("extended", "60", "600")],
    )
    def test_follow_the_plan(
        self, new_account: NewAccount, plan: str, contacts: str, others: str
    ) -> None:
        """Contacts have requests per second, all others per hour, in separate buckets."""
        brevo = new_account(rate_limits=True, plan=plan)
        paths = ["/v3/contacts/attributes", "/v3/events", "/v3/account", "/v3/processes"]
        headers = [brevo.get(path).headers for path in paths]
        assert [contacts, contacts, others, others] == [
            header["x-sib-ratelimit-limit"] for header in headers
        ]
        assert int(others) - 2 == int(headers[-1]["x-sib-ratelimit-remaining"])
        assert 3590 < int(headers[-1]["x-sib-ratelimit-reset"]) <= 3600

    def test_can_be_set(self, new_account: NewAccount) -> None:
        """An account can be given other numbers, bucket by bucket; the rest stays the plan's."""
        brevo = new_account(rate_limits=True, limits={"others": [[2, 3600]]})
        statuses = [brevo.get("/v3/account").status_code for _ in range(3)]
        assert [200, 200, 429] == statuses
        contacts = brevo.get("/v3/contacts/attributes").headers["x-sib-ratelimit-limit"]
        assert contacts == "10"

    def test_count_batches_of_events_where_told(self, new_account: NewAccount) -> None:
        """Whose bucket /events/batch takes from is not documented: events or all others."""
        limits = {"events": [[7, 3600]], "others": [[3, 3600]]}
        accounts = [
            new_account(rate_limits=True, limits=limits, events_batch_bucket=bucket)
            for bucket in ("events", "others")
        ]
        answers = [brevo.post("/v3/events/batch", json={}) for brevo in accounts]
        assert ["7", "3"] == [answer.headers["x-sib-ratelimit-limit"] for answer in answers]

    @pytest.mark.parametrize(
        ("rule", "told"),
        [("always", {True}), ("sometimes", {True, False}), ("never", {False})],
    )
    def test_are_told_or_not(self, new_account: NewAccount, rule: str, told: set[bool]) -> None:
        """Some replies of Brevo lack the headers, a 429 among them."""
        brevo = new_account(rate_limits=True, rate_headers=rule, limits={"others": [[1, 3600]]})
        answers = [brevo.get("/v3/account") for _ in range(4)]
        assert [200, 429, 429, 429] == [answer.status_code for answer in answers]
        assert told == {"x-sib-ratelimit-reset" in answer.headers for answer in answers}

    def test_can_name_a_retry_after(self, new_account: NewAccount) -> None:
        """Where told, a 429 carries Retry-After beside Brevo's own header."""
        brevo = new_account(rate_limits=True, retry_after=True, limits={"others": [[1, 60]]})
        brevo.get("/v3/account")
        refused = brevo.get("/v3/account").headers
        assert 0 < int(refused["retry-after"]) <= 60

    def test_can_be_switched(self, new_account: NewAccount) -> None:
        """An hour's hundred requests can be given back by switching the limits off."""
        brevo = new_account(rate_limits=True)
        statuses = [brevo.get("/v3/account").status_code for _ in range(101)]
        brevo.patch(admin(brevo), json={"rate_limits": False})
        free = brevo.get("/v3/account")
        assert (
            statuses[-2:],
            free.status_code,
            "x-sib-ratelimit-limit" in free.headers,
        ) == ([200, 429], 200, False)
