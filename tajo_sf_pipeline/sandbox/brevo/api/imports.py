"""``POST /v3/contacts/import``."""

import sqlite3
from typing import Any

from tajo_sf_pipeline.sandbox.brevo.api.lists import insert_list
from tajo_sf_pipeline.sandbox.brevo.call import Call
from tajo_sf_pipeline.sandbox.brevo.contact_changes import own_lists
from tajo_sf_pipeline.sandbox.brevo.imports.options import Options
from tajo_sf_pipeline.sandbox.brevo.imports.queue import ImportJob
from tajo_sf_pipeline.sandbox.brevo.imports.records import read_records
from tajo_sf_pipeline.sandbox.brevo.replies import Reply, invalid, missing

_NOT_TAKEN = ("consentGroupIds", "fileUrl", "notifyUrl")


def start(call: Call) -> Reply:
    """202 and a process; what becomes of the rows is told by the process alone."""
    body = call.body()
    for name in _NOT_TAKEN:
        if body.get(name):
            raise invalid(f"the local Brevo does not take {name} yet")
    records = read_records(body)
    account, faults = call.account, call.account.faults
    with call.store.writing() as db:
        options = Options(
            lists=tuple(_lists(db, account.id, body)),
            update_existing=_flag(body, "updateExistingContacts", default=True),
            clear_empty=_flag(body, "emptyContactsAttributes"),
            email_blacklist=_flag(body, "emailBlacklist"),
            sms_blacklist=_flag(body, "smsBlacklist"),
            declared_reports=faults.value("report", {}),
        )
        process = db.execute(
            "INSERT INTO processes (account, name, status) VALUES (?, 'IMPORTUSER', 'queued') "
            "RETURNING id",
            (account.id,),
        ).fetchone()["id"]
    call.imports.submit(
        ImportJob(
            process,
            account.id,
            records,
            options,
            account.settings.import_seconds,
            ends=faults.value("import_status", "completed"),
            stays=faults.value("import_stays"),
        )
    )
    return Reply(202, {"processId": process})


def _lists(db: sqlite3.Connection, account: int, body: dict[str, Any]) -> list[int]:
    """Collect the lists to join: those named, and a new one if it is asked for."""
    lists = list(own_lists(db, account, body.get("listIds")))
    new = body.get("newList")
    if not lists and not new:
        raise missing("listIds or newList")
    if new:
        if not isinstance(new, dict) or not isinstance(new.get("listName"), str):
            raise missing("newList.listName")
        lists.append(insert_list(db, account, new["listName"], new.get("folderId")))
    return lists


def _flag(body: dict[str, Any], name: str, *, default: bool = False) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid(f"{name} should be boolean")
    return default if value is None else value
