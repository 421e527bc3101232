"""Where a person finds in the vendors' own pages what a run did."""

import re
from urllib.parse import quote, urlsplit

from tajo_sf_pipeline.config.settings import Brevo, Snowflake

_BREVO_API = "api.brevo.com"


def of_query(snowflake: Snowflake, query_id: str) -> str | None:
    """Return the statement's page in Snowsight; None behind a proxy, locally, or for a locator.

    The path is docs.snowflake.com/en/user-guide/organizations-connect's
    ``app.snowflake.com/<organisation>/<account>``; a locator would want its region as well.
    """
    name = re.sub(r"^https://|\.snowflakecomputing\.com.*$|/$", "", snowflake.account.lower())
    organisation, dash, account = name.removesuffix(".privatelink").partition("-")
    if snowflake.host or not dash or "." in name:
        return None
    place = f"{quote(organisation)}/{quote(account)}"
    return f"https://app.snowflake.com/{place}/#/compute/history/queries/{quote(query_id)}/detail"


def of_list(brevo: Brevo, list_id: int) -> str | None:
    """Return the list's page in Brevo; None where the API is not Brevo's own."""
    if urlsplit(brevo.base_url).hostname != _BREVO_API:
        return None
    return f"https://app.brevo.com/contact/list/id/{list_id}"
