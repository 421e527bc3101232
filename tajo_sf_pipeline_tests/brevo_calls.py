"""Calls to the local Brevo over real HTTP, and what its answers mean to a test."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tajo_sf_pipeline.sandbox.servers import free_ports

NewAccount = Callable[..., httpx.Client]

REPORTS = {
    "invalid_emails",
    "duplicate_contact_id",
    "duplicate_ext_id",
    "duplicate_email_id",
    "duplicate_phone_id",
    "duplicate_whatsapp_id",
    "duplicate_landline_number_id",
}


def admin(brevo: httpx.Client, path: str = "") -> str:
    return f"/admin/accounts/{brevo.headers['api-key']}{path}"


def declare(brevo: httpx.Client, *faults: dict[str, Any]) -> None:
    brevo.patch(admin(brevo), json={"faults": faults}).raise_for_status()


def do(brevo: httpx.Client, deed: str, **body: Any) -> None:
    """Do what a person does in Brevo's own pages."""
    brevo.post(admin(brevo, f"/{deed}"), json=body).raise_for_status()


def create(brevo: httpx.Client, email: str, **body: Any) -> int:
    created = brevo.post("/v3/contacts", json={"email": email} | body)
    assert created.status_code == 201, created.text
    return int(created.json()["id"])


def get(brevo: httpx.Client, identifier: str | int, **query: str) -> dict[str, Any]:
    found = brevo.get(f"/v3/contacts/{identifier}", params=query)
    assert found.status_code == 200, found.text
    contact: dict[str, Any] = found.json()
    return contact


def attributes_of(brevo: httpx.Client, identifier: str | int) -> dict[str, Any]:
    attributes: dict[str, Any] = get(brevo, identifier)["attributes"]
    return attributes


def new_list(brevo: httpx.Client, name: str = "High value") -> int:
    folder = brevo.get("/v3/contacts/folders").json()["folders"][0]["id"]
    created = brevo.post("/v3/contacts/lists", json={"name": name, "folderId": folder})
    assert created.status_code == 201
    return int(created.json()["id"])


def new_attribute(brevo: httpx.Client, name: str, category: str = "normal", **body: Any) -> None:
    created = brevo.post(f"/v3/contacts/attributes/{category}/{name}", json=body)
    assert (created.status_code, created.content) == (201, b"")


def start_import(brevo: httpx.Client, **body: Any) -> int:
    lists = {} if "newList" in body else {"listIds": [new_list(brevo)]}
    started = brevo.post("/v3/contacts/import", json=lists | body)
    assert started.status_code == 202, started.text
    return int(started.json()["processId"])


def states_of(brevo: httpx.Client, process: int) -> list[dict[str, Any]]:
    """Poll a process to its end; its states, each once."""
    states: list[dict[str, Any]] = []
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        state = brevo.get(f"/v3/processes/{process}").json()
        if state not in states[-1:]:
            states.append(state)
        if state["status"] in {"completed", "failed", "cancelled"}:
            return states
        time.sleep(0.005)
    raise AssertionError(states)


def reports_of(brevo: httpx.Client, **body: Any) -> dict[str, str]:
    """Import to the end; the reports that have rows."""
    process = states_of(brevo, start_import(brevo, **body))[-1]
    assert process["status"] == "completed"
    urls = {kind: url for kind, url in process["info"]["import"].items() if url}
    return {kind: httpx.get(url).text for kind, url in urls.items()}


def error(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}


def command(home: Path, port: int) -> list[str]:
    module = [sys.executable, "-m", "tajo_sf_pipeline.sandbox.brevo"]
    return [*module, "--home", str(home), "--port", str(port)]


def started(home: Path, *options: str) -> tuple[subprocess.Popen[bytes], str]:
    port, _ = free_ports()
    server = subprocess.Popen([*command(home, port), *options], stdin=subprocess.PIPE)
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{address}/admin/health").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return server, address
    raise AssertionError("the server did not start")
