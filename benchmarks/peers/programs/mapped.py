"""What the dlt pipeline and the loop of ten threads have in common: rows mapped with Arrow."""

from collections.abc import Iterator
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

VALID = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
ATTRIBUTES = {
    "first_name": "FIRSTNAME",
    "last_name": "LASTNAME",
    "city": "CITY",
    "ltv_score": "LTV_SCORE",
    "rfm_class": "RFM_SEGMENT",
    "total_orders": "ORDER_COUNT",
    "last_purchase_date": "LAST_ORDER_DATE",
    "predicted_churn": "CHURN_RISK",
    "customer_segment": "SEGMENT_NAME",
}
# About 3.5 MB of JSON; Brevo takes 8 MB at once.
ROWS_AT_ONCE = 10_000


def batches(file: str) -> Iterator[pa.RecordBatch]:
    """Read the file and normalise its e-mails; a row without a valid one is left out."""
    columns = ["email", *ATTRIBUTES]
    for batch in pq.ParquetFile(file).iter_batches(ROWS_AT_ONCE, columns=columns):
        email = pc.utf8_lower(pc.utf8_trim_whitespace(batch["email"]))
        arrays = [email, *(batch[name] for name in ATTRIBUTES)]
        mapped = pa.RecordBatch.from_arrays(arrays, ["email", *ATTRIBUTES.values()])
        yield mapped.filter(pc.match_substring_regex(email, VALID))


def session() -> requests.Session:
    """Open a session that tries again where the server is busy or broken."""
    made = requests.Session()
    made.headers.update({"api-key": "benchmark", "content-type": "application/json"})
    again = Retry(
        total=10,
        backoff_factor=0.2,
        status_forcelist=[429, 500, 502, 503, 504],
        allowed_methods=None,
    )
    made.mount("http://", HTTPAdapter(max_retries=again))
    return made


def send(http: requests.Session, url: str, rows: list[dict[str, Any]]) -> int:
    """Import rows; give the number of the process that applies them."""
    contacts = [{"email": row.pop("email"), "attributes": row} for row in rows]
    body = {"jsonBody": contacts, "listIds": [1], "updateExistingContacts": True}
    answer = http.post(f"{url}/contacts/import", data=orjson.dumps(body))
    answer.raise_for_status()
    return int(answer.json()["processId"])
