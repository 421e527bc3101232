"""The attributes that a marketer of the shop has made in the Brevo account."""

from collections.abc import Mapping

import httpx
import stamina

SHOP_ATTRIBUTES: Mapping[str, str] = {
    "CITY": "text",
    "COUNTRY": "text",
    "BIRTHDAY": "date",
    "NEWSLETTER": "boolean",
    "LOYALTY_POINTS": "float",
    "CUSTOMER_SINCE": "date",
    "SEGMENT_NAME": "text",
    "RFM_SEGMENT": "text",
    "LTV_SCORE": "float",
    "RFM_SCORE": "float",
    "ORDER_COUNT": "float",
    "LAST_ORDER_DATE": "date",
    "CHURN_RISK": "float",
}


def create_attributes(
    brevo_url: str, api_key: str, attributes: Mapping[str, str] = SHOP_ATTRIBUTES
) -> None:
    """Create those that the account has not yet."""
    with httpx.Client(headers={"api-key": api_key}) as http:
        answer = http.get(f"{brevo_url}/contacts/attributes").raise_for_status()
        have = {attribute["name"] for attribute in answer.json()["attributes"]}
        for name, kind in attributes.items():
            if name not in have:
                _create(http, f"{brevo_url}/contacts/attributes/normal/{name}", kind)


# The local Brevo has the real one's ten requests a second.
@stamina.retry(on=httpx.HTTPStatusError, timeout=30)
def _create(http: httpx.Client, url: str, kind: str) -> None:
    http.post(url, json={"type": kind}).raise_for_status()
