"""Who brings the rows: ours and each peer, set up as a good user of it would."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from benchmarks.peers.data import ATTRIBUTES, VALID, DataSet
from tajo_sf_pipeline.brevo.budget import limit_of

_PROGRAMS = Path(__file__).parent / "programs"
_ROWS_AT_ONCE = 10_000  # as in programs/mapped.py
UNLIMITED = "extended"
# The extract is there: no warehouse is asked.
_NOWHERE = {"account": "none", "database": "MARKETING_DB", "schema": "PUBLIC"}


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked of a contender: bring this data there, from a folder that it keeps."""

    data: DataSet
    url: str  # up to and with /v3
    folder: Path
    plan: str | None = None
    audience: Mapping[str, str] = field(default_factory=dict)
    accept: tuple[str, ...] = ()

    @property
    def calls_a_second(self) -> int:
        """What the plan allows; 0 is no limit."""
        return limit_of(self.plan, "contacts")[0] if self.plan else 0


@dataclass(frozen=True, slots=True)
class Contender:
    """One who brings rows. `packages` are what pip installs for it; without any it is ours.

    One that goes `row_by_row` gets fewer rows. `cannot` says of other scenarios than `scenarios`
    why they are left out.
    """

    name: str
    title: str
    how: str
    packages: tuple[str, ...]
    command: Callable[[Path, Job], list[str]]
    prepare: Callable[[Job], None] = lambda _job: None
    environment: Callable[[Job], dict[str, str]] = lambda _job: {}
    row_by_row: bool = False
    scenarios: str = "adefg"
    cannot: Mapping[str, str] = field(default_factory=dict)


def _tajo(job: Job) -> None:
    brevo = {"api_key": "benchmark", "base_url": job.url, "plan": job.plan or UNLIMITED}
    document = {
        "workspace": "benchmark",
        "start_date": "2026-01-01",
        "connectors": {"snowflake": _NOWHERE, "brevo": brevo},
    }
    _write(job.folder / "tajo.yaml", document)
    mapping = {"email": "email", **ATTRIBUTES}
    pair = {"field_mapping": mapping, "destination": {"list": "Customers"}, **job.audience}
    _write(job.folder / "sql" / "people.yaml", pair)
    columns = ", ".join(mapping)
    (job.folder / "sql" / "people.sql").write_text(f"SELECT {columns} FROM CUSTOMERS\n")


def _tajo_command(_python: Path, job: Job) -> list[str]:
    program = str(_PROGRAMS / "tajo_sync.py")
    workspace = str(job.folder / "tajo.yaml")
    return [sys.executable, program, workspace, str(job.data.file), *job.accept]


def _drt(job: Job, *, batches: bool = True, cursor: bool = False) -> None:
    """Write a drt project: the renaming in SQL, and what drt's documentation has for many rows."""
    renamed = ", ".join(f"'{name}': {column}" for column, name in ATTRIBUTES.items())
    columns = f"lower(trim(email)) AS email, {{{renamed}}} AS attributes"
    if cursor:
        columns += ", updated_at"
    contact = (
        '"email": {{ row.email | tojson_safe }}, "attributes": {{ row.attributes | tojson_safe }}'
    )
    rows = "{{ rows | tojson_safe }}"
    if cursor:  # rows have a column that does not travel
        rows = f"[{{% for row in rows %}}{{{contact}}}{{{{ ',' if not loop.last }}}}{{% endfor %}}]"
    options = '"listIds": [1], "updateExistingContacts": true'
    body = {"body_mode": "batch", "batch_template": f'{{"jsonBody": {rows}, {options}}}'}
    if not batches:
        body = {"body_template": f'{{{contact}, "listIds": [1], "updateEnabled": true}}'}
    sync = {
        "name": "contacts",
        "model": f"SELECT {columns} FROM read_parquet('{job.data.file}') "
        f"WHERE regexp_matches(lower(trim(email)), '{VALID}')",
        "destination": {
            "type": "rest_api",
            "url": f"{job.url}/contacts{'/import' if batches else ''}",
            "method": "POST",
            "headers": {"api-key": "benchmark", "content-type": "application/json"},
            **body,
        },
        "sync": {
            **({"mode": "incremental", "cursor_field": "updated_at"} if cursor else {}),
            "batch_size": _ROWS_AT_ONCE,
            "rate_limit": {"requests_per_second": job.calls_a_second},
            "retry": {"max_attempts": 10, "initial_backoff": 0.2},
        },
    }
    _write(job.folder / "syncs" / "contacts.yml", sync)
    project = {"name": "benchmark", "version": "0.1", "profile": "local"}
    _write(job.folder / "drt_project.yml", project)
    profile = {"type": "duckdb", "database": ":memory:", "fetch_size": _ROWS_AT_ONCE}
    _write(job.folder / ".drt" / "profiles.yml", {"local": profile})


def _drt_command(python: Path, _job: Job) -> list[str]:
    return [str(python.parent / "drt"), "run"]


def _program(name: str) -> Callable[[Path, Job], list[str]]:
    return lambda python, job: [str(python), str(_PROGRAMS / name), str(job.data.file), job.url]


def _write(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def _dlt_environment(job: Job) -> dict[str, str]:
    # Ten files make ten jobs; what dlt tells of a run to its makers would leave the machine.
    return {
        "DATA_WRITER__FILE_MAX_ITEMS": str(-(-job.data.rows // 10)),
        "LOAD__WORKERS": "10",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
    }


_LOOP = ("pyarrow", "orjson", "requests")
_DRT = ("drt-core[duckdb]==1.2.*",)
TAJO = Contender(
    name="tajo",
    title="tajo",
    how="mapping and sync of an extract, as the Dagster assets call them; default settings",
    packages=(),
    command=_tajo_command,
    prepare=_tajo,
    scenarios="adefgs",
)
CONTENDERS = (
    TAJO,
    Contender(
        name="drt",
        title="drt, batches",
        how="`rest_api` destination in batch mode, 10,000 rows a body posted to the import; DuckDB "
        "source, renamed in SQL, which costs it least",
        packages=_DRT,
        command=_drt_command,
        prepare=_drt,
        scenarios="adefgs",
    ),
    Contender(
        name="drt-rows",
        title="drt, a row a request",
        how="the same destination as drt's quick start has it: one contact a request",
        packages=_DRT,
        command=_drt_command,
        prepare=lambda job: _drt(job, batches=False),
        row_by_row=True,
    ),
    Contender(
        name="drt-cursor",
        title="drt, by cursor",
        how="as batches, reading only rows whose `updated_at` is newer than the last it saw",
        packages=_DRT,
        command=_drt_command,
        prepare=lambda job: _drt(job, cursor=True),
        scenarios="a",
        cannot=dict.fromkeys("defg", "as drt, batches"),
    ),
    Contender(
        name="dlt",
        title="dlt",
        how="custom destination, Parquet, ten jobs at once, mapped with Arrow, 10,000 rows a body",
        packages=("dlt[parquet]==1.31.*", "orjson", "requests"),
        command=_program("dlt_pipeline.py"),
        environment=_dlt_environment,
    ),
    Contender(
        name="ten-threads",
        title="ten threads",
        how="a hand-written loop: Arrow, orjson, ten threads, 10,000 rows a body, retries",
        packages=_LOOP,
        command=_program("ten_threads.py"),
        scenarios="adefgs",
    ),
    Contender(
        name="one-by-one",
        title="one by one",
        how="the loop of the vendor's documentation: one contact a request, no retry",
        packages=_LOOP,
        command=_program("one_by_one.py"),
        row_by_row=True,
    ),
)
