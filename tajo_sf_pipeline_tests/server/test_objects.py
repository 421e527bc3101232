"""Records of custom objects, cut into bodies that Brevo takes and applied by it."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pyarrow as pa
import pytest

from tajo_sf_pipeline.brevo import imports, limits, objects
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.config.settings import Brevo
from tajo_sf_pipeline.errors import PermissionDeniedError, RefusedError
from tajo_sf_pipeline_tests.workspaces import BrevoAccount


@pytest.fixture
def client(brevo: BrevoAccount) -> Iterator[Client]:
    """Connect to an account that has a type of object."""
    admin = f"{brevo.url}/admin/accounts/{brevo.key}/object-types/car"
    httpx.put(admin, json={"attributes": ["color"]}).raise_for_status()
    settings = Brevo(api_key=brevo.key, base_url=f"{brevo.url}/v3", patience=5)
    with Client(settings, budget=None) as connected:
        yield connected


def _record(number: int, **attributes: Any) -> str:
    return json.dumps({"identifiers": {"ext_id": f"c{number}"}, "attributes": attributes})


def _rows(records: list[str]) -> pa.RecordBatch:
    return pa.record_batch({"_payload": pa.array(records, pa.string())})


def test_a_body_has_at_most_a_thousand_records() -> None:
    """Over the seams of batches too, in order, and none is lost."""
    records = [_record(n) for n in range(2_300)]
    found = list(objects.bodies([_rows(records[:900]), _rows(records[900:])]))
    assert [1000, 1000, 300] == [rows.num_rows for rows, _ in found]
    sent = [record for _, body in found for record in json.loads(body)["records"]]
    assert [json.loads(record) for record in records] == sent


def test_a_body_is_at_most_a_megabyte() -> None:
    """To the byte: one more goes into the next."""
    frame = len(b'{"records":[,]}') + 2 * len(_record(1, color=""))
    fits = [_record(1, color="x" * (limits.RECORDS_BYTES - frame)), _record(1, color="")]
    over = [_record(1, color="x" * (limits.RECORDS_BYTES - frame + 1)), _record(1, color="")]
    [(_, body)] = objects.bodies([_rows(fits)])
    assert limits.RECORDS_BYTES == len(body)
    assert [1, 1] == [rows.num_rows for rows, _ in objects.bodies([_rows(over)])]


def test_records_are_created_updated_and_deleted(client: Client) -> None:
    """By their ext_id; each call is a process that ends."""
    records = [_record(n, color="red") for n in range(3)]
    _await(client, _upsert(client, "car", records))
    _await(client, _upsert(client, "car", [_record(1, color="سبز")]))
    _await(client, [objects.delete(client, "car", ["c0"])])
    held = client.get("/objects/car/records", limit=10, page_num=1)["records"]
    assert {"c1": "سبز", "c2": "red"} == {
        one["identifiers"]["ext_id"]: one["attributes"]["color"] for one in held
    }


def test_what_brevo_says_no_to(client: Client, brevo: BrevoAccount) -> None:
    """A type that does not exist, and an account whose plan has no custom objects."""
    with pytest.raises(RefusedError):
        _upsert(client, "boat", [_record(1)])
    brevo.change(custom_objects=False)
    with pytest.raises(PermissionDeniedError, match="TAJO-311"):
        _upsert(client, "car", [_record(1)])


def _upsert(client: Client, object_type: str, records: list[str]) -> list[int]:
    bodies = objects.bodies([_rows(records)])
    return [objects.start(client, object_type, body) for _, body in bodies]


def _await(client: Client, processes: list[int]) -> None:
    deadline = time.monotonic() + 30
    while set(imports.finished(client, processes)) < set(processes):
        assert time.monotonic() < deadline
        time.sleep(0.02)
