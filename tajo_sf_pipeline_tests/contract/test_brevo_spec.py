"""The local Brevo's answers against Brevo's published OpenAPI description of the real one.

The description (MIT, of February 2026) lies beside a checkout, not in it; DEVIATIONS say where it
is wrong, or behind Brevo's own documentation and SDK.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from openapi_core import Config, OpenAPI
from openapi_core.templating.paths.exceptions import OperationNotFound, PathNotFound
from openapi_core.testing import MockRequest, MockResponse

from tajo_sf_pipeline.sandbox.servers import free_ports, running_servers

SPECIFICATION = Path(__file__).parents[3] / "shared" / "specs" / "brevo-openapi.yml"
SERVER = "https://api.brevo.com"
USED = ("/contacts", "/events", "/objects", "/emailCampaigns", "/account", "/processes")
KEY = "described"

Conforms = Callable[[httpx.Response], None]

REPORT = {"type": "string", "format": "uri", "nullable": True}
IMPORT = {"type": "object", "additionalProperties": REPORT}
ANY_OF_BOTH = {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}}
STATUSES = ["queued", "in_process", "processing", "completed", "failed", "cancelled"]

ONE_PROCESS = ("paths", "/processes/{processId}", "get", "responses", "200", "content")
PROCESSES = ("paths", "/processes", "get", "responses", "200", "content")
JSON = ("application/json", "schema", "properties")
A_PROCESS = (*PROCESSES, *JSON, "processes", "items", "properties")
MEMBERS = ("components", "schemas", "postContactInfo", "properties", "contacts", "properties")

# Where the description is otherwise than the local Brevo, what it should say, and who says so.
DEVIATIONS: dict[tuple[str, ...], tuple[Any, str]] = {
    # The reports of an import are URLs, not numbers.
    (*A_PROCESS, "info", "properties", "import"): (IMPORT, "SDK 5.1.0, getProcess"),
    (*ONE_PROCESS, *JSON, "info", "properties", "import"): (IMPORT, "SDK 5.1.0, getProcess"),
    # One more status.
    (*A_PROCESS, "status", "enum"): (STATUSES, "SDK changelog, 4.0.11"),
    (*ONE_PROCESS, *JSON, "status", "enum"): (STATUSES, "SDK changelog, 4.0.11"),
    # Objects and "all" of a list have processes too, whose names nobody tells.
    (*A_PROCESS, "name"): ({"type": "string"}, "the calls that answer with a processId"),
    (*ONE_PROCESS, *JSON, "name"): ({"type": "string"}, "the calls that answer with a processId"),
    # An empty array is one of e-mails as well as one of ids, and an own id is no e-mail.
    (*MEMBERS, "success"): (ANY_OF_BOTH, "the description's own example of extIds"),
    (*MEMBERS, "failure"): (ANY_OF_BOTH, "the description's own example of extIds"),
}

# What the local Brevo answers and the description lacks, and where it is described instead.
NOT_DESCRIBED = {
    ("GET", "/events"): "SDK 5.1.0, event.get_events",
    ("POST", "/events/batch"): "SDK 5.1.0, event.create_batch_events",
    ("GET", "/objects/order/associated-records"): "SDK 5.1.0, custom_objects",
}


def described() -> dict[str, Any]:
    """Give the description of the calls that the product uses, its deviations put right."""
    text = SPECIFICATION.read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    used = {path: item for path, item in document["paths"].items() if path.startswith(USED)}
    document["paths"] = used
    for (*path, name), (what, _) in DEVIATIONS.items():
        place = document
        for part in path:
            place = place[part]
        assert name in place
        place[name] = what
    for operation in (operation for item in used.values() for operation in item.values()):
        for response in operation["responses"].values():
            if not response.get("content", True):
                del response["content"]  # `{}` would want an answer without a body to have one
    return document


@pytest.fixture(scope="module")
def openapi() -> OpenAPI:
    if not SPECIFICATION.exists():
        pytest.skip(f"Brevo's description of its API is not at {SPECIFICATION}")
    # Validating the description itself takes long, and finds what is not ours to mend.
    return OpenAPI.from_dict(described(), config=Config(spec_validator_cls=None))


@pytest.fixture(scope="module")
def conforms(openapi: OpenAPI) -> Conforms:
    """Hold an answer to the description of its operation: status, headers and body."""

    def check(answer: httpx.Response) -> None:
        path = answer.request.url.raw_path.decode().split("?")[0]
        request = MockRequest(SERVER, answer.request.method, path)
        content_type = answer.headers.get("Content-Type", "")
        response = MockResponse(
            answer.content, answer.status_code, dict(answer.headers), content_type
        )
        openapi.validate_response(request, response)

    return check


@pytest.fixture(scope="module")
def address(openapi: OpenAPI, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, _ = free_ports()
    with running_servers(tmp_path_factory.mktemp("brevo"), {"brevo": port}):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def brevo(address: str) -> Iterator[httpx.Client]:
    """Make a fresh account with a type of custom objects."""
    with httpx.Client(base_url=address, headers={"api-key": KEY}, timeout=20) as client:
        settings = {"key": KEY, "rate_limits": False, "import_seconds": 0}
        client.post("/admin/accounts", json=settings).raise_for_status()
        order = {"attributes": ["total"]}
        client.put(f"/admin/accounts/{KEY}/object-types/order", json=order).raise_for_status()
        yield client


def furnish(brevo: httpx.Client) -> dict[str, int]:
    """Make a contact, a folder, a list and a campaign; the ids that the paths below name."""
    folder = brevo.post("/v3/contacts/folders", json={"name": "Tajo"}).json()["id"]
    list_ = brevo.post("/v3/contacts/lists", json={"name": "A", "folderId": folder}).json()["id"]
    person = {"email": "a@example.com", "ext_id": "7", "attributes": {"SMS": "33611111111"}}
    contact = brevo.post("/v3/contacts", json=person).json()["id"]
    campaign = brevo.post("/v3/emailCampaigns", json=DRAFT | {"name": "Old"}).json()["id"]
    for by in ("user", "admin"):
        deed = {"email": "a@example.com", "by": by}
        brevo.post(f"/admin/accounts/{KEY}/unsubscribe", json=deed).raise_for_status()
    return {"folder": folder, "list": list_, "contact": contact, "campaign": campaign}


DRAFT: dict[str, Any] = {
    "name": "Win back",
    "subject": "We miss you",
    "sender": {"name": "Shop", "email": "shop@example.com"},
    "htmlContent": "<p>We miss you</p>",
}
EVENT = {"event_name": "seen", "identifiers": {"email_id": "a@example.com"}}
GOLD = {"enumeration": [{"value": 1, "label": "Gold"}]}
RED = {"type": "multiple-choice", "multiCategoryOptions": ["red"]}
RECORD = {"identifiers": {"ext_id": "1"}, "attributes": {"total": 5}}

# Status, method, path and body of what an account like this is asked, in this order.
CALLS: tuple[tuple[int, str, str, Any], ...] = (
    (200, "GET", "/account", None),
    (200, "GET", "/contacts", None),
    (400, "GET", "/contacts?limit=1001", None),
    (201, "POST", "/contacts", {"email": "b@example.com"}),
    (204, "POST", "/contacts", {"email": "b@example.com", "updateEnabled": True}),
    (400, "POST", "/contacts", {"email": "b@example.com"}),
    (400, "POST", "/contacts", {}),
    (200, "GET", "/contacts/a%40example.com", None),
    (200, "GET", "/contacts/7?identifierType=ext_id", None),
    (404, "GET", "/contacts/nobody%40example.com", None),
    (400, "GET", "/contacts/nobody", None),
    (204, "PUT", "/contacts/a%40example.com", {"attributes": {"FIRSTNAME": "Ada"}}),
    (404, "PUT", "/contacts/nobody%40example.com", {}),
    (400, "PUT", "/contacts/b%40example.com", {"ext_id": "7"}),
    (404, "DELETE", "/contacts/nobody%40example.com", None),
    (201, "POST", "/contacts/attributes/normal/LTV", {"type": "float"}),
    (201, "POST", "/contacts/attributes/normal/COLOURS", RED),
    (201, "POST", "/contacts/attributes/category/TIER", GOLD),
    (400, "POST", "/contacts/attributes/normal/LTV", {"type": "float"}),
    (200, "GET", "/contacts/attributes", None),
    (204, "PUT", "/contacts/attributes/category/TIER", GOLD),
    (404, "PUT", "/contacts/attributes/category/NOBODY", GOLD),
    (204, "DELETE", "/contacts/attributes/multiple-choice/COLOURS/red", None),
    (204, "DELETE", "/contacts/attributes/normal/LTV", None),
    (404, "DELETE", "/contacts/attributes/normal/LTV", None),
    (200, "GET", "/contacts/folders", None),
    (200, "GET", "/contacts/folders/{folder}", None),
    (200, "GET", "/contacts/folders/{folder}/lists", None),
    (204, "PUT", "/contacts/folders/{folder}", {"name": "Audiences"}),
    (404, "GET", "/contacts/folders/999999", None),
    (200, "GET", "/contacts/lists", None),
    (200, "GET", "/contacts/lists/{list}", None),
    (204, "PUT", "/contacts/lists/{list}", {"name": "B"}),
    (400, "POST", "/contacts/lists", {"name": "A"}),
    (404, "GET", "/contacts/lists/999999", None),
    (201, "POST", "/contacts/lists/{list}/contacts/add", {"emails": ["a@example.com"]}),
    (400, "POST", "/contacts/lists/{list}/contacts/add", {"emails": ["a@example.com"]}),
    (404, "POST", "/contacts/lists/999999/contacts/add", {"emails": ["a@example.com"]}),
    (200, "GET", "/contacts/lists/{list}/contacts", None),
    (201, "POST", "/contacts/lists/{list}/contacts/remove", {"extIds": ["7"]}),
    (201, "POST", "/contacts/lists/{list}/contacts/add", {"ids": ["{contact}"]}),
    (201, "POST", "/contacts/lists/{list}/contacts/remove", {"all": True}),
    (200, "GET", "/contacts/segments", None),
    (202, "POST", "/contacts/import", {"jsonBody": [{"email": "wrong"}, {"email": "c@d.com"}]}),
    (400, "POST", "/contacts/import", {"jsonBody": [{"email": "wrong"}]}),
    (200, "GET", "/processes", None),
    (400, "GET", "/processes?limit=51", None),
    (404, "GET", "/processes/999999", None),
    (204, "POST", "/events", EVENT),
    (400, "POST", "/events", {}),
    (202, "POST", "/objects/order/batch/upsert", {"records": [RECORD]}),
    (400, "POST", "/objects/order/batch/upsert", {"records": []}),
    (403, "POST", "/objects/company/batch/upsert", {"records": [RECORD]}),
    (200, "GET", "/objects/order/records?limit=10&page_num=1&association=true", None),
    (400, "GET", "/objects/order/records", None),
    (202, "POST", "/objects/order/batch/delete", {"identifiers": {"ext_ids": ["1"]}}),
    (201, "POST", "/emailCampaigns", DRAFT),
    (400, "POST", "/emailCampaigns", {"name": "Nothing more"}),
    (200, "GET", "/emailCampaigns", None),
    (200, "GET", "/emailCampaigns/{campaign}", None),
    (204, "PUT", "/emailCampaigns/{campaign}", {"recipients": {"listIds": ["{list}"]}}),
    (204, "POST", "/emailCampaigns/{campaign}/sendTest", {"emailTo": ["a@example.com"]}),
    (204, "POST", "/emailCampaigns/{campaign}/sendNow", None),
    (400, "POST", "/emailCampaigns/{campaign}/sendNow", None),
    (204, "PUT", "/emailCampaigns/{campaign}/status", {"status": "archive"}),
    (204, "DELETE", "/emailCampaigns/{campaign}", None),
    (404, "GET", "/emailCampaigns/{campaign}", None),
    (204, "DELETE", "/contacts/lists/{list}", None),
    (204, "DELETE", "/contacts/folders/{folder}", None),
    (204, "DELETE", "/contacts/a%40example.com", None),
)


def filled(value: Any, ids: dict[str, int]) -> Any:
    """Put the ids where their names stand: in a path as text, in a body as a number."""
    if isinstance(value, dict):
        return {key: filled(item, ids) for key, item in value.items()}
    if isinstance(value, list):
        return [
            ids.get(item.strip("{}"), item) if isinstance(item, str) else item for item in value
        ]
    return value


@pytest.fixture
def ended(brevo: httpx.Client) -> httpx.Response:
    """Import to the end, with a report; the process as it is answered."""
    folder = brevo.get("/v3/contacts/folders").json()["folders"][0]["id"]
    rows = [{"email": "wrong"}, {"email": "a@example.com"}]
    body = {"jsonBody": rows, "newList": {"listName": "A", "folderId": folder}}
    process = brevo.post("/v3/contacts/import", json=body).json()["processId"]
    answer = brevo.get(f"/v3/processes/{process}")
    while answer.json()["status"] != "completed":
        answer = brevo.get(f"/v3/processes/{process}")
    return answer


def test_processes_are_as_described(
    brevo: httpx.Client, ended: httpx.Response, conforms: Conforms
) -> None:
    """A completed import, alone and in the listing."""
    assert ended.json()["info"]["import"]["invalid_emails"]
    conforms(ended)
    conforms(brevo.get("/v3/processes"))


@pytest.mark.parametrize(("method", "path"), NOT_DESCRIBED)
def test_newer_calls_are_not_described_yet(
    openapi: OpenAPI, brevo: httpx.Client, method: str, path: str
) -> None:
    """The day they are, they belong among the others."""
    answer = brevo.request(method, f"/v3{path}", json={})
    assert "does not answer" not in answer.text
    with pytest.raises((OperationNotFound, PathNotFound)):
        openapi.validate_response(
            MockRequest(SERVER, method, f"/v3{path}"), MockResponse(b"{}", answer.status_code)
        )


@pytest.mark.parametrize("status", [401, 429, 503])
def test_refusals_are_errors_as_described(brevo: httpx.Client, status: int) -> None:
    """Most calls declare neither 401 nor 429; their bodies are the description's errorModel."""
    fault = {"status": status, "code": "unauthorized"}
    brevo.patch(f"/admin/accounts/{KEY}", json={"faults": [fault]}).raise_for_status()
    answer = brevo.get("/v3/account")
    assert (status, {"code", "message"}) == (answer.status_code, set(answer.json()))


def test_answers_are_as_described(brevo: httpx.Client, conforms: Conforms) -> None:
    """Every call that the product makes, and how each goes wrong."""
    ids = furnish(brevo)
    for status, method, path, body in CALLS:
        sent = filled(body, ids)
        if path == "/contacts/import":
            sent = sent | {"listIds": [ids["list"]]}
        answer = brevo.request(method, f"/v3{path.format(**ids)}", json=sent)
        assert (status, method, path) == (answer.status_code, method, path), answer.text
        conforms(answer)
