"""``/v3/contacts/import`` and ``/v3/processes`` of the local Brevo."""

import json
from typing import Any

import httpx
import pytest

from tajo_sf_pipeline_tests.brevo_calls import (
    REPORTS,
    NewAccount,
    admin,
    attributes_of,
    create,
    error,
    get,
    new_list,
    reports_of,
    start_import,
    states_of,
)
from tajo_sf_pipeline_tests.file_server import FileServer


class TestImports:
    def test_pass_through_their_states(self, new_account: NewAccount) -> None:
        """queued, in_process, processing, completed: in this order and only the last has info."""
        brevo = new_account(import_seconds=0.3)
        process = start_import(brevo, jsonBody=[{"email": "a@example.com"}])
        states = states_of(brevo, process)
        assert [s["status"] for s in states] == ["queued", "in_process", "processing", "completed"]
        assert ["info" in state for state in states] == [False, False, False, True]
        assert dict.fromkeys(REPORTS) == states[-1]["info"]["import"]

    def test_create_and_update(self, brevo: httpx.Client) -> None:
        """Rows create or update contacts and put them on the lists; unknown attributes vanish."""
        existing = create(brevo, "a@example.com", attributes={"FIRSTNAME": "Ada"})
        list_ = new_list(brevo)
        rows = [
            {"email": "A@example.com ", "attributes": {"LASTNAME": "King", "UNKNOWN": 1}},
            {"email": "b@example.com", "attributes": {"SMS": "+33611111111", "FIRSTNAME": None}},
        ]
        assert reports_of(brevo, jsonBody=rows, listIds=[list_]) == {}
        known, new = get(brevo, "a@example.com"), get(brevo, "b@example.com")
        assert [
            (existing, {"FIRSTNAME": "Ada", "LASTNAME": "King"}, [list_]),
            (new["id"], {"SMS": "33611111111"}, [list_]),
        ] == [(form["id"], form["attributes"], form["listIds"]) for form in (known, new)]

    def test_read_csv(self, brevo: httpx.Client) -> None:
        """A fileBody is CSV with semicolons, a header in any case and quotes."""
        text = 'Email;FirstName;SMS\na@example.com;"Ada; Countess";0033611111111\nwrong;Bob;\n'
        assert (reports_of(brevo, fileBody=text)) == {
            "invalid_emails": "EMAIL;EXT_ID;SMS;WHATSAPP;LANDLINE_NUMBER\nwrong;;;;\n"
        }
        assert (attributes_of(brevo, "a@example.com")) == {
            "FIRSTNAME": "Ada; Countess",
            "SMS": "33611111111",
        }

    def test_report_what_they_refuse(self, brevo: httpx.Client) -> None:
        """Wrong e-mails and identifiers of others come back as CSV; their rows are not kept."""
        create(brevo, "a@example.com", attributes={"SMS": "33611111111"}, ext_id="7")
        rows = [
            {"email": "wrong", "attributes": {"FIRSTNAME": "Wrong"}},
            {"email": "b@example.com", "attributes": {"SMS": "+33611111111", "FIRSTNAME": "Bob"}},
            {"email": "c@example.com", "attributes": {"EXT_ID": "7"}},
            {"email": "d@example.com"},
        ]
        header = "EMAIL;EXT_ID;SMS;WHATSAPP;LANDLINE_NUMBER\n"
        assert {
            "invalid_emails": f"{header}wrong;;;;\n",
            "duplicate_phone_id": f"{header}b@example.com;;+33611111111;;\n",
            "duplicate_ext_id": f"{header}c@example.com;7;;;\n",
        } == reports_of(brevo, jsonBody=rows)
        contacts = brevo.get(admin(brevo, "/contacts")).json()["contacts"]
        assert [contact["email"] for contact in contacts] == ["a@example.com", "d@example.com"]

    def test_keep_the_last_row_of_an_email(self, brevo: httpx.Client) -> None:
        """Of two rows with one e-mail the last one is stored and the first reported."""
        rows = [
            {"email": email, "attributes": {"FIRSTNAME": name}}
            for email, name in [("a@example.com", "First"), ("A@Example.com", "Last")]
        ]
        reports = reports_of(brevo, jsonBody=rows)
        assert list(reports) == ["duplicate_email_id"]
        assert reports["duplicate_email_id"].splitlines()[1] == "a@example.com;;;;"
        assert attributes_of(brevo, "a@example.com") == {"FIRSTNAME": "Last"}

    def test_match_by_the_first_identifier(self, brevo: httpx.Client) -> None:
        """Rows without an e-mail find their contact by own id or phone."""
        contact = create(brevo, "a@example.com", ext_id="7", attributes={"SMS": "33611111111"})
        rows = [
            {"attributes": {"EXT_ID": "7", "FIRSTNAME": "Ada", "SMS": "33622222222"}},
            {"attributes": {"WHATSAPP": "33633333333"}},
        ]
        assert reports_of(brevo, jsonBody=rows) == {}
        assert (attributes_of(brevo, contact)) == {
            "EXT_ID": "7",
            "FIRSTNAME": "Ada",
            "SMS": "33622222222",
        }
        assert brevo.get("/v3/contacts").json()["count"] == 2

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, {"FIRSTNAME": "Ada", "LASTNAME": "King", "SMS": "33611111111"}),
            ({"emptyContactsAttributes": True}, {"LASTNAME": "King"}),
            (
                {"emptyContactsAttributes": True, "updateExistingContacts": False},
                {"FIRSTNAME": "Ada", "SMS": "33611111111"},
            ),
        ],
    )
    def test_clear_and_update_only_if_told(
        self, brevo: httpx.Client, options: dict[str, bool], expected: dict[str, str]
    ) -> None:
        """Empty values erase with emptyContactsAttributes, if existing contacts are updated."""
        create(brevo, "a@example.com", attributes={"FIRSTNAME": "Ada", "SMS": "33611111111"})
        row = {"FIRSTNAME": "", "SMS": None, "LASTNAME": "King"}
        reports_of(brevo, jsonBody=[{"email": "a@example.com", "attributes": row}], **options)
        assert expected == attributes_of(brevo, "a@example.com")

    def test_blacklist_everybody_or_nobody(self, brevo: httpx.Client) -> None:
        """A true emailBlacklist blocks all rows; a false one leaves every flag as it was."""
        create(brevo, "a@example.com")
        rows = [{"email": "a@example.com"}, {"email": "b@example.com"}]
        reports_of(brevo, jsonBody=rows, emailBlacklist=True, disableNotification=True)
        reports_of(brevo, jsonBody=rows, emailBlacklist=False)
        assert [get(brevo, row["email"])["emailBlacklisted"] for row in rows] == [True, True]

    def test_make_a_new_list(self, brevo: httpx.Client) -> None:
        """A newList is created in its folder and joined by the rows."""
        folder = brevo.get("/v3/contacts/folders").json()["folders"][0]["id"]
        new = {"listName": "Fresh", "folderId": folder}
        reports_of(brevo, jsonBody=[{"email": "a@example.com"}], newList=new)
        (list_,) = brevo.get(admin(brevo, "/summary")).json()["lists"]
        assert (list_["name"], list_["members"]) == ("Fresh", 1)

    @pytest.mark.parametrize(
        ("body", "start"),
        [
            ({"jsonBody": [{"email": "a@example.com"}]}, "listIds or newList is missing"),
            ({"listIds": [1]}, "Exactly one of"),
            (
                {"jsonBody": [{"email": "a@example.com"}], "fileBody": "EMAIL", "listIds": [1]},
                "Exactly one of",
            ),
            ({"fileUrl": "ftp://example.com/a.csv"}, "fileUrl must be a URL"),
            ({"jsonBody": [{"email": "wrong"}]}, "We could not find any valid email or SMS or"),
            ({"fileBody": "EMAIL NAME\na@example.com Ada"}, "We could not find any valid email"),
            ({"jsonBody": [{"email": "a@example.com"}], "listIds": [999999]}, "List ID does not"),
            (
                {
                    "jsonBody": [{"email": "a@example.com"}],
                    "newList": {"listName": "A", "folderId": 999999},
                },
                "Folder ID does not exist",
            ),
        ],
    )
    def test_refuse_at_once(self, brevo: httpx.Client, body: dict[str, Any], start: str) -> None:
        """What makes the whole import useless is a 400, and no process begins."""
        refused = brevo.post("/v3/contacts/import", json=body)
        assert (400, start) == (refused.status_code, refused.json()["message"][: len(start)])
        assert brevo.get("/v3/processes").json()["count"] == 0

    def test_refuse_more_than_10_megabytes(self, brevo: httpx.Client) -> None:
        """The limit is on the bytes of the request, blanks included."""
        body = json.dumps({"jsonBody": [{"email": "a@example.com"}], "listIds": [new_list(brevo)]})
        sizes = (10_000_000, 10_000_001)
        assert [
            brevo.post("/v3/contacts/import", content=body.ljust(size)).status_code
            for size in sizes
        ] == [202, 400]

    def test_fetch_a_file(self, brevo: httpx.Client, file_server: FileServer) -> None:
        """A fileUrl is fetched when its turn comes; a file that is not there fails the process."""
        file_server.files["/rows.csv"] = b"EMAIL;FIRSTNAME\na@example.com;Ada\n"
        file_server.files["/rows.json"] = b'[{"email":"b@example.com"}]'
        for name in ("rows.csv", "rows.json"):
            assert reports_of(brevo, fileUrl=f"{file_server.url}/{name}") == {}
        assert attributes_of(brevo, "a@example.com") == {"FIRSTNAME": "Ada"}
        assert brevo.get("/v3/contacts").json()["count"] == 2
        lost = start_import(brevo, fileUrl=f"{file_server.url}/nothing.csv")
        assert states_of(brevo, lost)[-1]["status"] == "failed"

    def test_tell_when_they_end(self, brevo: httpx.Client, file_server: FileServer) -> None:
        """A notifyUrl is called once, after the end."""
        rows = [{"email": "a@example.com"}]
        process = start_import(brevo, jsonBody=rows, notifyUrl=f"{file_server.url}/done")
        path, body = file_server.received.get(timeout=10)
        assert ("/done", {"processId": process, "status": "completed"}) == (path, json.loads(body))

    def test_need_a_list_unless_told(self, new_account: NewAccount) -> None:
        """Whether listIds is mandatory is not certain: an account can do without."""
        brevo = new_account(import_needs_list=False)
        body = {"jsonBody": [{"email": "a@example.com"}]}
        assert brevo.post("/v3/contacts/import", json=body).status_code == 202

    def test_can_do_without_own_ids(self, new_account: NewAccount) -> None:
        """Whether a row is found by its own id alone is not certain: it may be dropped."""
        brevo = new_account(import_by_ext_id=False)
        rows = [{"email": "a@example.com"}, {"attributes": {"EXT_ID": "7"}}]
        assert (reports_of(brevo, jsonBody=rows), 1) == (
            {},
            brevo.get("/v3/contacts").json()["count"],
        )

    def test_subscribe_to_consent_groups(self, new_account: NewAccount) -> None:
        """ConsentGroupIds needs the feature, and shows on the contact."""
        body = {"jsonBody": [{"email": "a@example.com"}], "consentGroupIds": [3]}
        without, with_it = new_account(), new_account(consent_groups=True)
        lists = {"listIds": [new_list(without)]}
        refused = without.post("/v3/contacts/import", json=body | lists)
        assert (403, "CONSENT_GROUP_NOT_ENABLED") == (refused.status_code, refused.json()["code"])
        reports_of(with_it, **body)
        groups = get(with_it, "a@example.com")["consentGroups"]
        assert groups == [{"id": 3, "status": "subscribed"}]

    def test_are_unfinished_for_some_polls(self, new_account: NewAccount) -> None:
        """An account can show every process unfinished to its first polls, however fast it was."""
        brevo = new_account(import_polls=2)
        process = start_import(brevo, jsonBody=[{"email": "a@example.com"}])
        statuses = [brevo.get(f"/v3/processes/{process}").json()["status"] for _ in range(2)]
        assert ["processing", "processing"] == statuses
        assert states_of(brevo, process)[-1]["status"] == "completed"

    def test_can_be_counted_only(self, new_account: NewAccount) -> None:
        """With import_discards an import is answered and completes, and nothing is stored."""
        brevo = new_account(import_discards=True)
        assert reports_of(brevo, jsonBody=[{"email": "a@example.com"}] * 3) == {}
        (process,) = brevo.get(admin(brevo, "/processes")).json()["processes"]
        assert (3, 0) == (process["rows"], brevo.get("/v3/contacts").json()["count"])

    def test_are_listed_as_processes(self, brevo: httpx.Client) -> None:
        """The newest process comes first, at most 50 at once; an unknown one is a 404."""
        ids = [start_import(brevo, jsonBody=[{"email": "a@example.com"}]) for _ in range(3)]
        newest = brevo.get("/v3/processes?limit=2").json()
        oldest = brevo.get("/v3/processes?limit=1&sort=asc").json()
        assert (3, ids[:0:-1], ids[:1]) == (
            newest["count"],
            [process["id"] for process in newest["processes"]],
            [process["id"] for process in oldest["processes"]],
        )
        absent = brevo.get("/v3/processes/999999")
        assert (400, 404, error("invalid_parameter", "processId is invalid")) == (
            brevo.get("/v3/processes?limit=51").status_code,
            absent.status_code,
            absent.json(),
        )

    def test_leave_the_server_answering(self, brevo: httpx.Client) -> None:
        """GETs are answered while a large import is applied, and see all of it or nothing."""
        rows = [{"email": f"{n}@example.com", "attributes": {"FIRSTNAME": n}} for n in range(23000)]
        process = start_import(brevo, jsonBody=rows)
        counts = [0]
        while counts[-1] == 0:
            counts.append(brevo.get("/v3/contacts?limit=1").json()["count"])
        assert states_of(brevo, process)[-1]["status"] == "completed"
        assert {0, 23000} == set(counts)
        assert len(counts) > 5
