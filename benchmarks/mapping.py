"""What mapping costs on one core, beside a plain loop over the same rows, and in memory.

    python -m benchmarks.mapping [--rows 1000000] [--memory]

The loop is what a script would do: a dictionary for each row, its JSON, its hash. In the second
comparison it calls the libraries that the mapping calls, for each row. Both take each batch in
turn, so that what else the machine does slows both. `--memory` maps a million rows and ten million,
each in a process of its own, from extract to mapped file.
"""

import argparse
import json
import math
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import phonenumbers
import pyarrow as pa
from email_validator import EmailNotValidError, validate_email
from iso4217 import Currency
from pydantic import TypeAdapter
from xxhash import xxh3_64_intdigest

from tajo_sf_pipeline.audience.destination import ContactsDestination
from tajo_sf_pipeline.audience.field_mapping import FieldMapping, fitted
from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.statement import Statement
from tajo_sf_pipeline.config import settings
from tajo_sf_pipeline.engine.run import SyncRun
from tajo_sf_pipeline.mapping.mapper import Mapper
from tajo_sf_pipeline.storage import parquet

Work = Callable[[pa.RecordBatch], int]
DAY = date(2026, 3, 1)
BATCH = parquet.ROWS_PER_GROUP
# As the vendor documentation of this connector has them.
NINE: dict[str, Any] = {
    "email": "email",
    "first_name": "FIRSTNAME",
    "last_name": "LASTNAME",
    "ltv_score": "LTV_SCORE",
    "rfm_class": "RFM_SEGMENT",
    "total_orders": "ORDER_COUNT",
    "last_purchase_date": "LAST_ORDER_DATE",
    "predicted_churn": "CHURN_RISK",
    "customer_segment": "SEGMENT_NAME",
}
NORMALISED: dict[str, Any] = {
    "email": "email",
    "phone": {"to": "SMS", "region": "FR"},
    "bought_on": {"to": "LAST_ORDER_DATE", "type": "date", "format": "%d/%m/%Y"},
    "amount": {"to": "LTV_SCORE", "currency_from": "currency", "minor_units": True},
    "currency": {"to": "CURRENCY", "type": "currency"},
    "opt_in": "consent.email",
}
# A tenth of the phone numbers are distinct; one address in fifty wants a closer look.
QUERY = """
SELECT
    CASE WHEN i % 50 = 0 THEN 'Jane.O''Neil' || i || '@example.com'
         ELSE 'person' || i || '@example' || (i % 7) || '.com' END AS email,
    'First' || (i % 5000) AS first_name,
    CASE WHEN i % 100 = 0 THEN 'O"Neil' ELSE 'Last' || (i % 20000) END AS last_name,
    CAST((hash(i) % 1000000) / 100.0 AS DECIMAL(38, 2)) AS ltv_score,
    'R' || (i % 3) || 'F' || (i % 5) AS rfm_class,
    i % 50 AS total_orders,
    DATE '2020-01-01' + CAST(hash(i) % 2000 AS INTEGER) AS last_purchase_date,
    (hash(i + 1) % 10000) / 10000.0::DOUBLE AS predicted_churn,
    'Segment ' || (i % 12) AS customer_segment,
    '06 ' || (10000000 + hash(hash(i) % greatest({rows} // 10, 1)) % 89999999) AS phone,
    strftime(DATE '2020-01-01' + CAST(hash(i) % 2000 AS INTEGER), '%d/%m/%Y') AS bought_on,
    CAST(hash(i) % 1000000 AS BIGINT) AS amount,
    ['EUR', 'USD', 'JPY', 'GBP'][1 + i % 4] AS currency,
    ['Y', 'N', 'yes', 'no'][1 + i % 4] AS opt_in
FROM range({rows}) AS numbers(i)
"""
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_TOO_LARGE = 2**53
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def batches(rows: int) -> Iterator[pa.RecordBatch]:
    """Make the source's rows, a batch at a time."""
    with duckdb.connect() as database:
        yield from database.sql(QUERY.format(rows=rows)).to_arrow_reader(BATCH)


PEOPLE = ContactsDestination(list="People")


def audience(mapping: dict[str, Any]) -> Audience:
    fields = TypeAdapter(FieldMapping).validate_python(mapping)
    return Audience(
        name="people",
        statement=Statement("SELECT 1", "benchmark"),
        fields=fitted(fields, PEOPLE, "email", dated=False),
        destination=PEOPLE,
        schedule="@daily",
    )


def as_arrow(mapping: dict[str, Any], schema: pa.Schema) -> Work:
    """Give what maps a batch; it remembers what it has seen, as in a run."""
    end = datetime(2026, 3, 2, tzinfo=UTC)
    mapper = Mapper(audience(mapping), schema, timezone="UTC", window_end=end)
    return lambda batch: int(mapper.map(batch, 0).mapped.num_rows)


def map_nine_by_row(batch: pa.RecordBatch) -> int:
    made = 0
    for row in batch.to_pylist():
        email = row["email"].strip().lower()
        if not _ADDRESS.fullmatch(email):
            continue
        attributes: dict[str, Any] = {}
        for column, target in NINE.items():
            value = row[column]
            if target == "email" or value is None:
                continue
            made_of_it = _plain(value)
            if made_of_it is not None:
                attributes[target] = made_of_it
        made += _hashed({"email": email, "attributes": attributes})
    return made


def _plain(value: Any) -> Any:
    """Make of a value what the mapping makes of it; None is left out."""
    if isinstance(value, str):
        return _CONTROLS.sub("", value).strip() or None
    if isinstance(value, date):
        return value.isoformat()
    number = float(value) + 0.0  # -0.0 + 0.0 is 0.0
    if not math.isfinite(number) or (isinstance(value, int) and abs(number) >= _TOO_LARGE):
        raise ValueError(f"{value} is not a number that Brevo holds")
    return number


def map_normalised_by_row(batch: pa.RecordBatch) -> int:
    made = 0
    for row in batch.to_pylist():
        try:
            email = validate_email(row["email"].strip().lower(), check_deliverability=False)
            phone = phonenumbers.parse(row["phone"], "FR")
            currency = Currency(row["currency"])
        except (EmailNotValidError, phonenumbers.NumberParseException, ValueError):
            continue
        if not phonenumbers.is_valid_number(phone):
            continue
        e164 = phonenumbers.format_number(phone, phonenumbers.PhoneNumberFormat.E164)
        bought = datetime.strptime(row["bought_on"], "%d/%m/%Y").date()  # noqa: DTZ007 - a day
        attributes = {
            "SMS": e164,
            "LAST_ORDER_DATE": bought.isoformat(),
            "LTV_SCORE": row["amount"] / 10 ** (currency.exponent or 0),
            "CURRENCY": currency.code,
        }
        blocked = row["opt_in"].lower() not in {"y", "yes", "true", "1", "t", "on"}
        contact = {"email": email.ascii_email, "attributes": attributes}
        made += _hashed({**contact, "emailBlacklisted": blocked} if blocked else contact)
    return made


def _hashed(contact: dict[str, Any]) -> int:
    payload = json.dumps(contact, ensure_ascii=False, separators=(",", ":"))
    return 1 if xxh3_64_intdigest(payload.encode()) else 0


def compare(rows: int) -> dict[str, Any]:
    """Map the same rows both ways, in memory, on one core."""
    pa.set_cpu_count(1)
    found: dict[str, Any] = {"rows": rows}
    for name, mapping, by_row in (
        ("nine fields", NINE, map_nine_by_row),
        ("e-mail, phone, date, currency, consent", NORMALISED, map_normalised_by_row),
    ):
        arrow, loop = in_turn(rows, lambda schema, fields=mapping: as_arrow(fields, schema), by_row)
        found[name] = {
            "mapped": arrow.rows,
            "mapped_by_loop": loop.rows,
            "seconds": round(arrow.seconds, 2),
            "loop_seconds": round(loop.seconds, 2),
            "times_as_fast": round(loop.seconds / arrow.seconds, 1),
        }
    return found


def in_turn(
    rows: int, prepare: Callable[[pa.Schema], Work], by_row: Work
) -> tuple["Spent", "Spent"]:
    """Give each batch to both; count the rows that came out, and the processor's seconds."""
    arrow, loop = Spent(), Spent()
    work: Work | None = None
    for batch in batches(rows):
        work = work or prepare(batch.schema)
        arrow.on(work, batch)
        loop.on(by_row, batch)
    return arrow, loop


@dataclass
class Spent:
    rows: int = 0
    seconds: float = 0.0

    def on(self, work: Work, batch: pa.RecordBatch) -> None:
        started = time.process_time()
        self.rows += work(batch)
        self.seconds += time.process_time() - started


def peak(rows: int) -> float:
    """Map an extract of so many rows in a process of its own; give its peak, in megabytes."""
    with tempfile.TemporaryDirectory() as home:
        work = [sys.executable, "-m", "benchmarks.mapping", "--peak", home, "--rows", str(rows)]
        subprocess.run([*work, "--write"], check=True)  # noqa: S603 - this module
        answer = subprocess.run(work, check=True, capture_output=True)  # noqa: S603 - this module
    return float(answer.stdout)


def write_extract(home: Path, rows: int) -> None:
    place = _partition(home).paths.extract(DAY)
    source = batches(rows)
    first = next(source)
    with parquet.writing(place, first.schema) as out:
        out.write(first)
        for batch in source:
            out.write(batch)
        out.finish({"path": "incremental", "started_at": "2026-03-01T00:00:00+00:00"})


def _partition(home: Path) -> SyncRun:
    file = home / "tajo.yaml"
    file.write_text(
        "connectors:\n  snowflake: {account: a, user: u, database: D, schema: S, "
        "auth: {method: pat, token: t}}\n  brevo: {api_key: k}\n",
        encoding="utf-8",
    )
    return SyncRun(settings.load(file), audience(NORMALISED), DAY, "incremental", "benchmark")


def main() -> None:
    """Print what was measured, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--peak", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peak and given.write:
        write_extract(given.peak, given.rows)
    elif given.peak:
        _partition(given.peak).map()
        peak_kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        sys.stdout.write(str(peak_kilobytes / 1024))
    elif given.memory:
        small, large = peak(given.rows), peak(10 * given.rows)
        told = {"rows": [given.rows, 10 * given.rows], "megabytes": [round(small), round(large)]}
        sys.stdout.write(json.dumps({**told, "ratio": round(large / small, 2)}, indent=2) + "\n")
    else:
        sys.stdout.write(json.dumps(compare(given.rows), indent=2) + "\n")


if __name__ == "__main__":
    main()
