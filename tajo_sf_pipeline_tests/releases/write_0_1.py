"""Write the state of release 0.1, with the code of the commit that README.md in 0.1/ names.

``PYTHONPATH=<that commit's tree, with this folder in it> python -m
tajo_sf_pipeline_tests.releases.write_0_1 /tmp/tajo-0.1``: the folder must not exist, and must have
a neutral name, because some of what is written holds absolute paths. This file has followed the
names since: that commit runs it as it was when it was added.
"""

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import uuid
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from tajo_sf_pipeline import defs
from tajo_sf_pipeline.audience.catalog import load
from tajo_sf_pipeline.config import settings as workspace_file
from tajo_sf_pipeline.defs import runs
from tajo_sf_pipeline.engine.run import SyncRun
from tajo_sf_pipeline.sandbox import serve
from tajo_sf_pipeline.state import failpoints
from tajo_sf_pipeline_tests.releases import brevo_rows
from tajo_sf_pipeline_tests.releases.restored import FOLDER, KEY, PREFIX, in_tajo_yaml
from tajo_sf_pipeline_tests.workspaces import BrevoAccount, Workspace

FIRST, SECOND = date(2026, 2, 1), date(2026, 2, 2)
# Other accounts of a sandbox have ids of their own: these are further than they come.
_IDS_FROM = 700_000
_LOST = {"status": 502, "method": "POST", "path": "/v3/events/batch"}
_FOR_EVER = "36500d"
Row = list[object]


def _at(day: int, hour: int = 12) -> str:
    return f"2026-02-{day:02} {hour:02}:00:00"


class Writer:
    """A workspace, as a person has one who has used the release for two days."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.brevo = workspace.brevo
        (workspace.folder / "source").mkdir()

    def table(self, name: str, columns: str, rows: Iterable[Row]) -> str:
        """Load a table, and keep it as the source that the state belongs to."""
        kept = list(rows)
        lines = [",".join("" if value is None else str(value) for value in row) for row in kept]
        text = "\n".join([columns, *lines]) + "\n"
        (self.workspace.folder / "source" / f"{name}.csv").write_text(text, encoding="utf-8")
        return self.workspace.table(name, columns, kept)

    def audience(self, name: str, columns: str, mapping: dict[str, Any], **more: Any) -> None:
        where = more.pop("where", "")
        query = f"SELECT {columns} FROM {PREFIX}_{name}{where}\n"
        self.workspace.audience(name, query, mapping, shared=True, **more)

    def sync(self, name: str, day: date) -> None:
        settings = self.workspace.settings()
        audience = self.workspace.load(name)
        partition = SyncRun(settings, audience, day, "incremental", run_id=str(uuid.uuid4()))
        partition.extract()
        partition.map()
        assert partition.sync().conserved

    def in_dagster(self, name: str, day: date) -> None:
        settings = self.workspace.settings()
        definitions = defs.build(settings)
        audience = self.workspace.load(name)
        with runs.instance(settings) as instance:
            runs.run(
                definitions, instance, settings, audience=audience, day=day, path="incremental"
            )

    def killed(self, name: str, day: date, step: str, times: int = 1) -> None:
        """Sync in a process that dies when it comes to a step for the nth time."""
        command = [sys.executable, "-m", "tajo_sf_pipeline_tests.releases.write_0_1"]
        command += ["--killed", str(self.workspace.file), name, str(day), step, str(times)]
        done = subprocess.run(command, check=False)
        assert -signal.SIGKILL == done.returncode

    def tajo(self, *arguments: str) -> Any:
        ran = self.workspace.tajo(*arguments, "--json")
        assert not ran.code, ran.err
        return ran.json()

    def dead_letter(self, audience: str, key: str) -> str:
        """Give the number of an open dead letter."""
        found = self.tajo("dead-letters", "list", "--audience", audience)["letters"]
        log = json.dumps(found)
        numbers = [
            str(one["id"])
            for one in found
            if self.tajo("dead-letters", "show", str(one["id"]))["key"] == key
        ]
        assert len(numbers) == 1, log
        return numbers[0]

    # -- The audiences

    def members(self) -> None:
        """Run a mirror with lists by a column and consents through Dagster, on both days.

        ann was on the list before, and so was stranger, who is in no row. jon is refused.
        """
        gold = self.brevo.make_list("gold", "Tajo")
        for name in ("ann", "stranger"):
            self.brevo.contact(f"{name}@example.com", listIds=[gold])
        columns = "email,tier,points,news,texts,phone"
        rows: list[Row] = [
            [f"{name}@example.com", tier, points, news, texts, phone]
            for name, tier, points, news, texts, phone in (
                ("ann", "gold", 1, "yes", "yes", "+33612345601"),
                ("bob", "gold", 2, "yes", "no", "+33612345602"),
                ("cyd", "silver", 3, "yes", "yes", None),
                ("dee", "silver", 4, "yes", "yes", None),
                ("eve", "gold", 5, "yes", "yes", None),
                ("fay", "silver", 6, "no", "no", None),
                ("gus", "gold", 7, None, None, None),
                ("hal", "silver", 8, "yes", None, None),
                ("jon", "gold", 9, "yes", "yes", None),
            )
        ]
        rows += [["broken address", "gold", 10, "yes", "yes", None]]
        rows += [["cyd@example.com", "silver", 30, "yes", "yes", None]]
        self.table("members", columns, rows)
        mapping = {
            "email": "email",
            "points": "MEMBER_POINTS",
            "news": "consent.email",
            "texts": "consent.sms",
            "phone": "SMS",
        }
        self.audience("members", columns, mapping, mode="mirror", destination={"list_from": "tier"})
        self.brevo.change(faults=[{"poison": "jon@example.com"}])
        self.in_dagster("members", FIRST)
        rows[3][1] = "gold"  # dee moves
        rows[7][2] = 80  # hal changes
        del rows[4]  # eve leaves
        self.table("members", columns, rows)
        self.in_dagster("members", SECOND)

    def refused(self) -> None:
        """Sync a source of which Brevo refuses four rows: a letter for each end that there is."""
        names = ("fine", "stays_open", "given_up", "comes_back", "goes_away")
        rows: list[Row] = [[f"{name}@example.com", n] for n, name in enumerate(names)]
        self.table("refused", "email,points", rows)
        mapping = {"email": "email", "points": "REFUSED_POINTS"}
        self.audience("refused", "email, points", mapping)
        self.brevo.change(faults=[{"poison": f"{name}@"} for name in names[1:]])
        self.in_dagster("refused", FIRST)
        self.tajo("dead-letters", "discard", self.dead_letter("refused", "given_up@example.com"))
        self.brevo.change(faults=[{"poison": f"{name}@"} for name in names[1:3]])
        self.table("refused", "email,points", rows[:-1])
        self.in_dagster("refused", SECOND)

    def visits(self) -> None:
        """Incremental, by `:last_sync`; of a row without an address the letter was replayed."""
        columns = "email,visits,updated_at"
        rows: list[Row] = [
            *([f"v{n}@example.com", n, _at(1, n)] for n in range(1, 5)),
            ["no address", 9, _at(1)],
        ]
        self.table("visits", columns, rows)
        self.audience(
            "visits",
            "email, visits, updated_at",
            {"email": "email", "visits": "VISITS"},
            where=" WHERE updated_at > :last_sync",
            cursor="updated_at",
            nulls="clear",
        )
        self.sync("visits", FIRST)
        rows[1:3] = [["v2@example.com", 20, _at(2)], ["v3@example.com", None, _at(2)]]
        del rows[4]
        self.table("visits", columns, rows)
        self.sync("visits", SECOND)
        dead_letter = self.dead_letter("visits", "no address")
        assert not self.workspace.tajo("dead-letters", "replay", dead_letter).code

    def other_keys(self) -> None:
        """Contacts by the ids of the source, and by their phone numbers; changed once."""
        for day, city in ((FIRST, "Lyon"), (SECOND, "Nice")):
            ids: list[Row] = [[f"c{n}", f"c{n}@example.com", "Paris"] for n in range(3)]
            ids[1][2] = city
            self.table("by_id", "id,email,city", ids)
            mapping = {"id": "ext_id", "email": "email", "city": "CITY"}
            self.audience("by_id", "id, email, city", mapping, key="ext_id")
            phones: list[Row] = [[f"+3361234571{n}", "Paris"] for n in range(3)]
            phones[1][1] = city
            self.table("by_phone", "phone,city", phones)
            self.audience("by_phone", "phone, city", {"phone": "sms", "city": "TOWN"}, key="sms")
            for name in ("by_id", "by_phone"):
                self.sync(name, day)

    def modes(self) -> None:
        """Insert, with a campaign to its list, and update: each with a contact of others."""
        self.brevo.contact("old@example.com", attributes={"HEARD_OF": "by hand"})
        rows: list[Row] = [["new@example.com", "radio"], ["old@example.com", "radio"]]
        mapping = {"email": "email", "heard_of": "HEARD_OF"}
        campaign = {
            "name": "Welcome",
            "subject": "Welcome",
            "sender": {"name": "Tajo", "email": "tajo@example.com"},
            "html": "<p>Welcome</p>",
        }
        for name, more in (
            ("newcomers", {"mode": "insert", "destination": {"list": "New", "campaign": campaign}}),
            ("known_only", {"mode": "update"}),
        ):
            told = rows if name == "newcomers" else [*rows[1:], ["nobody@example.com", "radio"]]
            self.table(name, "email,heard_of", told)
            self.audience(name, "email, heard_of", mapping, **more)
            self.sync(name, FIRST)

    def cars(self) -> None:
        """Objects, linked to contacts."""
        admin = f"{self.brevo.url}/admin/accounts/{self.brevo.key}/object-types/car"
        httpx.put(admin, json={"attributes": ["color", "seats"]}).raise_for_status()
        self.brevo.contact("owner@example.com", ext_id="owner")
        rows: list[Row] = [["car1", "red", 4, "owner"], ["car2", "blue", 2, None]]
        self.table("cars", "id,color,seats,owner", rows)
        self.audience(
            "cars",
            "id, color, seats, owner",
            {"id": "ext_id", "color": "color", "seats": "seats"},
            destination={"object": "car", "association": {"column": "owner"}},
        )
        self.sync("cars", FIRST)

    def _events(self, name: str, event: str, rows: int) -> None:
        self.brevo.contact("buyer@example.com")
        told: list[Row] = [
            [f"{name}{n}", "buyer@example.com", n * 10, _at(1, n)] for n in range(rows)
        ]
        self.table(name, "id,email,total,moment", told)
        self.audience(
            name,
            "id, email, total, moment",
            {"id": "event_id", "email": "email", "total": "total", "moment": "event_date"},
            destination={"event": event},
            on_uncertain="hold",
        )

    def purchases(self) -> None:
        """Events that arrived, and three whose answer was lost: two are held, one is given up."""
        self._events("purchases", "purchased", 3)
        self.sync("purchases", FIRST)
        self._events("purchases", "purchased", 6)
        self.brevo.change(faults=[_LOST])
        self.sync("purchases", SECOND)
        self.tajo("dead-letters", "discard", self.dead_letter("purchases", "purchases5"))

    def killed_ones(self) -> None:
        """Kill runs: as the second import is answered, before events go out, and after."""
        rows: list[Row] = [
            [f"{level}{n}@example.com", level, n] for level in ("high", "low") for n in range(105)
        ]
        self.table("loyalty", "email,level,points", rows)
        mapping = {"email": "email", "points": "LOYALTY"}
        to = {"list_from": "level"}
        self.audience("loyalty", "email, level, points", mapping, destination=to, verify="off")
        # The number of the first import is known, that of the second is not.
        self.killed("loyalty", FIRST, "call.sent", 2)
        self._events("carts", "cart_left", 2)
        self.killed("carts", FIRST, "journal.written")
        self._events("reviews", "reviewed", 2)
        self.killed("reviews", FIRST, "call.sent")


def main() -> None:
    """Write the state into the folder that is named, and pack it."""
    if sys.argv[1] == "--killed":
        _die(*sys.argv[2:])
    for name in [name for name in os.environ if name.startswith(("TAJO_", "DAGSTER_"))]:
        del os.environ[name]
    folder = Path(sys.argv[1])
    folder.mkdir(mode=0o700)
    with tempfile.TemporaryDirectory() as servers, serve(Path(servers)) as sandbox:
        brevo_rows.number_from(sandbox, _IDS_FROM)
        brevo_rows.put_back(sandbox, KEY, {})
        account = BrevoAccount(sandbox.brevo_url.removesuffix("/v3"), KEY)
        workspace = Workspace(folder, sandbox, account, PREFIX)
        workspace.write(
            snowflake={"transport": "sql_api"},
            retention={"extracts": _FOR_EVER, "dead_letters": _FOR_EVER},
        )
        _make_attributes(account)
        writer = Writer(workspace)
        writer.members()
        writer.refused()
        account.change(faults=[])
        writer.visits()
        writer.other_keys()
        writer.modes()
        writer.cars()
        writer.purchases()
        account.change(faults=[])
        writer.killed_ones()
        time.sleep(1)  # Brevo ends what it has taken
        rows = brevo_rows.saved(sandbox, KEY)
        assert {"completed"} == {process["status"] for process in rows["processes"]}
        text = workspace.file.read_text(encoding="utf-8")
        for name, value in in_tajo_yaml(workspace).items():
            text = text.replace(str(value), f"${{{name}}}")
        workspace.file.write_text(text, encoding="utf-8")
    (folder / "brevo.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    (folder / "written_in").write_text(f"{folder}\n", encoding="utf-8")
    _pack(folder, FOLDER / "0.1" / "state.tar.gz")


def _make_attributes(account: BrevoAccount) -> None:
    numbers = ("MEMBER_POINTS", "REFUSED_POINTS", "VISITS", "LOYALTY")
    texts = ("CITY", "TOWN", "HEARD_OF")
    account.attributes(**dict.fromkeys(numbers, "float"), **dict.fromkeys(texts, "text"))


def _die(file: str, name: str, day: str, step: str, times: str) -> None:
    left = int(times)

    def watch(reached: str) -> None:
        nonlocal left
        left -= reached == step
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    settings = workspace_file.load(Path(file))
    audience = load(settings).named(name)
    partition = SyncRun(
        settings, audience, date.fromisoformat(day), "incremental", run_id=str(uuid.uuid4())
    )
    partition.extract()
    partition.map()
    failpoints.watcher = watch
    partition.sync()


def _pack(folder: Path, archive: Path) -> None:
    """Pack files in the order of their names, without anything of who packs them, or when."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                member = tarfile.TarInfo(str(path.relative_to(folder)))
                member.size = path.stat().st_size
                member.mode = 0o600
                with path.open("rb") as file:
                    tar.addfile(member, file)
    archive.parent.mkdir(parents=True, exist_ok=True)
    archive.write_bytes(gzip.compress(packed.getvalue(), 9, mtime=0))


if __name__ == "__main__":
    main()
