"""The purchases of a real shop, from its file to Brevo, against numbers from Python and pandas."""

import csv
from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from tajo_sf_pipeline_tests.workspaces import Workspace

PURCHASES = Path(__file__).parents[3] / "shared" / "data" / "cdnow_orders.csv"
LAST_DAY = date(2022, 7, 1)

pytestmark = pytest.mark.skipif(
    not PURCHASES.exists(), reason=f"the file of real purchases is not there: {PURCHASES}"
)

# Days since the last purchase, number of purchase days and money, each by fixed bounds.
QUERY = """
WITH customers AS (
    SELECT
        customer_id,
        COUNT(*) AS orders,
        SUM(amount) AS revenue,
        DATEDIFF('day', MAX(order_date), '2022-07-01'::DATE) AS days
    FROM {table}
    GROUP BY customer_id
)
SELECT
    CONCAT('c', customer_id, '@example.com') AS email,
    revenue AS ltv_score,
    orders AS total_orders,
    CASE WHEN days <= 90 THEN 'R3' WHEN days <= 365 THEN 'R2' ELSE 'R1' END
    || CASE WHEN orders >= 5 THEN 'F3' WHEN orders >= 2 THEN 'F2' ELSE 'F1' END
    || CASE WHEN revenue >= 100 THEN 'M3' WHEN revenue >= 30 THEN 'M2' ELSE 'M1' END AS rfm_class
FROM customers
"""


def _expected() -> dict[str, tuple[Decimal, int, str]]:
    """Compute revenue, orders and RFM class of every customer from the file."""
    amounts: dict[str, list[Decimal]] = defaultdict(list)
    last: dict[str, date] = {}
    with PURCHASES.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            customer, day = row["customer_id"], date.fromisoformat(row["order_date"])
            amounts[customer].append(Decimal(row["amount"]))
            last[customer] = max(day, last.get(customer, day))
    found = {}
    for customer, paid in amounts.items():
        days, orders, revenue = (LAST_DAY - last[customer]).days, len(paid), sum(paid, Decimal())
        recency = "R3" if days <= 90 else "R2" if days <= 365 else "R1"
        frequency = "F3" if orders >= 5 else "F2" if orders >= 2 else "F1"
        money = "M3" if revenue >= 100 else "M2" if revenue >= 30 else "M1"
        found[f"c{customer}@example.com"] = (revenue, orders, recency + frequency + money)
    return found


def test_every_customer_of_a_real_shop_arrives_with_the_right_class(workspace: Workspace) -> None:
    """23,544 contacts, a lifetime value of 2,500,315.63 in all, and each customer's RFM class."""
    table = f"{workspace.prefix}_orders".upper()
    loaded = workspace.tajo("sandbox", "load", table, str(PURCHASES), "--json").json()
    assert 69_659 == loaded["rows"]
    assert "VARCHAR" == loaded["columns"]["CUSTOMER_ID"].split("(")[0]
    workspace.brevo.attributes(LTV_SCORE="float", ORDER_COUNT="float", RFM_SEGMENT="text")
    workspace.audience(
        "rfm",
        QUERY.replace("{table}", table),
        {
            "email": "email",
            "ltv_score": "LTV_SCORE",
            "total_orders": "ORDER_COUNT",
            "rfm_class": "RFM_SEGMENT",
        },
    )
    [run] = workspace.sync()
    assert (23_544, 0, 23_544) == (run["extracted"], run["rejected"], run["confirmed"])
    contacts = workspace.brevo.contacts()
    arrived = {
        email: (
            Decimal(str(contact["attributes"]["LTV_SCORE"])),
            contact["attributes"]["ORDER_COUNT"],
            contact["attributes"]["RFM_SEGMENT"],
        )
        for email, contact in contacts.items()
    }
    assert _expected() == arrived
    assert 23_544 == len(arrived)
    assert Decimal("2500315.63") == sum(revenue for revenue, _, _ in arrived.values())


# One phone number in a hundred is none, a tenth of the customers said no, another tenth nothing.
WITH_CONSENT = """
SELECT
    CONCAT('c', customer_id, '@example.com') AS email,
    SUM(amount) AS amount,
    MAX(CASE
        WHEN MOD(customer_id::NUMBER, 100) = 0 THEN '12'
        ELSE CONCAT('06 ', LPAD(customer_id, 8, '0'))
    END) AS phone,
    MAX(CASE MOD(customer_id::NUMBER, 10) WHEN 0 THEN 'N' WHEN 1 THEN NULL ELSE 'yes' END) AS opt_in
FROM {table}
GROUP BY customer_id
"""


def _with_consent() -> pd.DataFrame:
    """Compute what Brevo should have of every customer, from the file."""
    orders = pd.read_csv(PURCHASES, dtype={"customer_id": str})
    cents = (orders["amount"] * 100).round().astype("int64")
    found = cents.groupby(orders["customer_id"]).sum().rename("cents").reset_index()
    number = found["customer_id"].astype(int)
    found["email"] = "c" + found["customer_id"] + "@example.com"
    phones = "336" + found["customer_id"].str.zfill(8)
    found["sms"] = phones.where(number % 100 != 0, "")
    found["blocked"] = number % 10 <= 1
    return found.set_index("email")[["cents", "sms", "blocked"]]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_s09_phones_and_consent_of_a_real_shop_arrive(workspace: Workspace) -> None:
    """Each phone in E.164; whoever said no, or never said, is blocked; a yes lifts no block."""
    expected = _with_consent()
    table = f"{workspace.prefix}_orders".upper()
    workspace.tajo("sandbox", "load", table, str(PURCHASES), "--json")
    workspace.brevo.attributes(LTV_SCORE="float")
    blocked_before = "c00002@example.com"
    workspace.brevo.contact(blocked_before, emailBlacklisted=True)
    expected.loc[blocked_before, "blocked"] = True
    mapping = {
        "email": "email",
        "amount": {"to": "LTV_SCORE", "currency": "USD"},
        "phone": {"to": "sms", "region": "FR", "on_invalid": "null"},
        "opt_in": "consent.email",
    }
    workspace.audience("shop", WITH_CONSENT.replace("{table}", table), mapping)
    [run] = workspace.bring()
    assert (23_544, 0, 23_544) == (run["extracted"], run["rejected"], run["confirmed"])
    contacts = workspace.brevo.contacts()
    arrived = pd.DataFrame(
        [
            {
                "email": email,
                "cents": round(contact["attributes"]["LTV_SCORE"] * 100),
                "sms": contact["attributes"].get("SMS", ""),
                "blocked": contact["emailBlacklisted"],
            }
            for email, contact in contacts.items()
        ]
    ).set_index("email")
    counts = {name: (expected[name].astype(bool)).sum() for name in ("sms", "blocked")}
    assert counts == {name: (arrived[name].astype(bool)).sum() for name in ("sms", "blocked")}
    pd.testing.assert_frame_equal(expected.sort_index(), arrived.sort_index())
    writes = len(workspace.brevo.writes())
    [again] = workspace.bring()
    assert (23_544, 0) == (again["unchanged"], again["planned"])
    assert writes == len(workspace.brevo.writes())
