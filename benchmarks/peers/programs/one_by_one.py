"""The loop of the vendor's documentation: one contact a request, no retry.

python one_by_one.py FILE URL
"""

import re
import sys

import pyarrow.parquet as pq
import requests
from mapped import ATTRIBUTES, VALID

FILE, URL = sys.argv[1:]


if __name__ == "__main__":
    http = requests.Session()
    http.headers.update({"api-key": "benchmark", "content-type": "application/json"})
    for batch in pq.ParquetFile(FILE).iter_batches():
        for row in batch.to_pylist():
            email = row["email"].strip().lower()
            if not re.match(VALID, email):
                continue
            row["last_purchase_date"] = row["last_purchase_date"].isoformat()
            contact = {
                "email": email,
                "attributes": {name: row[column] for column, name in ATTRIBUTES.items()},
                "listIds": [1],
                "updateEnabled": True,
            }
            answer = http.post(f"{URL}/contacts", json=contact)
            if not answer.ok:
                print(answer.status_code, answer.text)  # noqa: T201
