"""``POST /v3/contacts/import``."""

import sqlite3
from typing import Any

from tajo_sf_pipeline.sandbox.brevo.accounts import Account
from tajo_sf_pipeline.sandbox.brevo.api.lists import insert_list
from tajo_sf_pipeline.sandbox.brevo.call import Call
from tajo_sf_pipeline.sandbox.brevo.contact_changes import own_lists
from tajo_sf_pipeline.sandbox.brevo.imports.options import Options
from tajo_sf_pipeline.sandbox.brevo.imports.queue import ImportJob
from tajo_sf_pipeline.sandbox.brevo.imports.records import read_records
from tajo_sf_pipeline.sandbox.brevo.processes import new_process
from tajo_sf_pipeline.sandbox.brevo.replies import ApiError, Reply, invalid, missing


def start(call: Call) -> Reply:
    """202 and a process; what becomes of the rows is told by the process alone."""
    body = call.body()
    account, faults = call.account, call.account.faults
    file_url, notify_url = _url(body, "fileUrl"), _url(body, "notifyUrl")
    rows = len(read_records(body))
    with call.store.writing() as db:
        options = Options(
            lists=tuple(_lists(db, account, body)),
            update_existing=_flag(body, "updateExistingContacts", default=True),
            clear_empty=_flag(body, "emptyContactsAttributes"),
            email_blacklist=_blacklist(account, body, "emailBlacklist"),
            sms_blacklist=_blacklist(account, body, "smsBlacklist"),
            declared_reports=faults.value("report", {}),
            consent_groups=_consent_groups(account, body),
        )
        process = new_process(db, account.id, "IMPORTUSER", rows)
    call.imports.submit(
        ImportJob(
            process,
            account,
            options,
            file_url=file_url,
            notify_url=notify_url,
            ends=faults.value("import_status", "completed"),
            stays=faults.value("import_stays"),
        ),
        call.content,
    )
    return Reply(202, {"processId": process})


def _url(body: dict[str, Any], name: str) -> str | None:
    url = body.get(name)
    if url and not (isinstance(url, str) and url.startswith(("http://", "https://"))):
        raise invalid(f"{name} must be a URL")
    return url or None


def _consent_groups(account: Account, body: dict[str, Any]) -> tuple[int, ...]:
    groups = body.get("consentGroupIds") or []
    if groups and not account.settings.consent_groups:
        raise ApiError(403, "CONSENT_GROUP_NOT_ENABLED", "CONSENT_GROUP_NOT_ENABLED")
    if not isinstance(groups, list) or not all(type(group) is int for group in groups):
        raise invalid("consentGroupIds must be an array of integers")
    return tuple(groups)


def _lists(db: sqlite3.Connection, account: Account, body: dict[str, Any]) -> list[int]:
    """Collect the lists to join: those named, and a new one if it is asked for."""
    lists = list(own_lists(db, account.id, body.get("listIds")))
    new = body.get("newList")
    if not lists and not new and account.settings.import_needs_list:
        raise missing("listIds or newList")
    if new:
        if not isinstance(new, dict) or not isinstance(new.get("listName"), str):
            raise missing("newList.listName")
        lists.append(insert_list(db, account.id, new["listName"], new.get("folderId")))
    return lists


def _blacklist(account: Account, body: dict[str, Any], name: str) -> bool | None:
    """Return what becomes of the flag of existing contacts; None leaves it."""
    raised, rule = _flag(body, name), account.settings.import_false_flags
    lifts = rule == "unblock" or (rule == "unblock_if_sent" and body.get(name) is False)
    return True if raised else False if lifts else None


def _flag(body: dict[str, Any], name: str, *, default: bool = False) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid(f"{name} should be boolean")
    return default if value is None else value
