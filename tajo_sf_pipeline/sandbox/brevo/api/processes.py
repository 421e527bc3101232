"""``/v3/processes``: what runs in the background, and the reports of what is done."""

import sqlite3
from typing import Any

from tajo_sf_pipeline.sandbox.brevo.call import Call
from tajo_sf_pipeline.sandbox.brevo.faults import REPORTS
from tajo_sf_pipeline.sandbox.brevo.replies import ApiError, Reply

_IMPORT = "IMPORTUSER"


def list_all(call: Call) -> Reply:
    page = call.page(default=10, maximum=50)
    account = call.account.id
    count = call.db.execute("SELECT count(*) FROM processes WHERE account = ?", (account,))
    rows = call.db.execute(
        f"SELECT * FROM processes WHERE account = ? ORDER BY id {page.order} LIMIT ? OFFSET ?",
        (account, page.limit, page.offset),
    ).fetchall()
    processes = [_form(call, row) for row in rows]
    return Reply(200, {"count": count.fetchone()[0], "processes": processes})


def show(call: Call) -> Reply:
    row = call.db.execute(
        "SELECT * FROM processes WHERE account = ? AND id = ?",
        (call.account.id, call.id("processId")),
    ).fetchone()
    if row is None:
        raise ApiError(404, "invalid_parameter", "processId is invalid")
    return Reply(200, _form(call, row))


def _form(call: Call, row: sqlite3.Row) -> dict[str, Any]:
    """`info` comes with a completed import only; a report without rows is null."""
    form = {"id": row["id"], "name": row["name"], "status": row["status"]}
    if _unseen(call, row["id"]):
        return form | {"status": "processing"}
    if (row["name"], row["status"]) != (_IMPORT, "completed"):
        return form
    written = call.db.execute("SELECT kind, token FROM reports WHERE process = ?", (row["id"],))
    urls = {report["kind"]: f"{call.origin}/reports/{report['token']}.csv" for report in written}
    return form | {"info": {"import": {kind: urls.get(kind) for kind in REPORTS}}}


def _unseen(call: Call, process: int) -> bool:
    """Count this poll; whether the account wants more of them before it shows an end."""
    if not (wanted := call.account.settings.import_polls):
        return False
    seen = call.account.polls[process] = call.account.polls.get(process, 0) + 1
    return seen <= wanted
