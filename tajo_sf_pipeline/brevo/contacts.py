"""One contact at a time, for the few."""

from tajo_sf_pipeline.brevo.client import Client


def upsert(client: Client, contact: bytes, list_id: int) -> None:
    """Create or update a contact given as ``{"email":...,"attributes":{...}}``.

    Raises `RefusedError` with Brevo's reason. No blocklist flag is ever sent (S09).
    """
    options = b',"listIds":[%d],"updateEnabled":true}' % list_id
    client.post("/contacts", contact.removesuffix(b"}") + options)
