"""What a release left behind, put where a test may go on with it."""

import csv
import functools
import io
import json
import tarfile
from collections.abc import Collection
from pathlib import Path
from string import Template

import httpx

from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline_tests.releases import brevo_rows
from tajo_sf_pipeline_tests.workspaces import BrevoAccount, Workspace

FOLDER = Path(__file__).parent
# Fixed, because the state names them: by its budget's files, and by Dagster's keys of assets.
KEY, PREFIX = "account-of-release-0-1", "release_0_1"
# To read this machine's certificates for each call costs more than the call.
_http = httpx.Client(verify=False, timeout=60)
Source = tuple[str, list[list[str | None]]]


def restored(
    folder: Path,
    sandbox: Sandbox,
    release: str = "0.1",
    *,
    tables: Collection[str] = (),
    moved: bool = True,
) -> Workspace:
    """Put a release's workspace into an empty folder, `tables` and its account into the sandbox.

    The journals of 0.1 name their plans by absolute paths; `moved` has them follow the folder, else
    they lead to where the state was written. The account is there once in a sandbox: what is
    restored next takes its place. Files are as old as this call, so that no retention takes them.
    """
    files = dict(_unpacked(FOLDER / release / "state.tar.gz"))
    written_in = files.pop("written_in").decode().strip()
    brevo_rows.put_back(sandbox, KEY, json.loads(files.pop("brevo.json")))
    account = BrevoAccount(sandbox.brevo_url.removesuffix("/v3"), KEY)
    workspace = Workspace(folder, sandbox, account, PREFIX)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if moved and path.suffix == ".journal":
            content = content.replace(written_in.encode(), str(folder).encode())  # noqa: PLW2901
        path.write_bytes(content)
        path.chmod(0o600)
    values = {name: str(value) for name, value in in_tajo_yaml(workspace).items()}
    template = Template(workspace.file.read_text(encoding="utf-8"))
    workspace.file.write_text(template.substitute(values), encoding="utf-8")
    for name in tables:
        _load(workspace, name, *source(workspace, name))
    return workspace


def in_tajo_yaml(workspace: Workspace) -> dict[str, object]:
    """Give what tajo.yaml leaves open: where the local servers are, in this session."""
    sandbox = workspace.sandbox
    return {
        "private_key_path": sandbox.private_key_path,
        "snowflake_port": sandbox.snowflake_port,
        "brevo_url": workspace.brevo.url,
    }


def source(workspace: Workspace, name: str) -> Source:
    """Give a table's columns and rows as they were when the release synced them last."""
    text = (workspace.folder / "source" / f"{name}.csv").read_text(encoding="utf-8")
    head, *rows = csv.reader(io.StringIO(text))
    return ",".join(head), [[value or None for value in row] for row in rows]


def change(workspace: Workspace, name: str, key: str, **values: str | None) -> None:
    """Change one row in the warehouse, against how it was; the first column is its key."""
    columns, rows = source(workspace, name)
    [row] = [row for row in rows if row[0] == key]
    for column, value in values.items():
        row[columns.split(",").index(column)] = value
    _load(workspace, name, columns, rows)


def without(workspace: Workspace, name: str, *keys: str) -> None:
    """Take rows out of the warehouse."""
    columns, rows = source(workspace, name)
    _load(workspace, name, columns, [row for row in rows if row[0] not in keys])


def _load(workspace: Workspace, name: str, columns: str, rows: list[list[str | None]]) -> None:
    """Load a table as a workspace does, over a connection that is there already."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    address = f"{workspace.sandbox.snowflake_url}/admin/load"
    content = f"{columns}\n{text.getvalue()}".encode()
    table = {"table": f"{PREFIX}_{name}".upper()}
    _http.post(address, params=table, content=content).raise_for_status()


@functools.cache
def _unpacked(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {member.name: file.read() for member in tar if (file := tar.extractfile(member))}
