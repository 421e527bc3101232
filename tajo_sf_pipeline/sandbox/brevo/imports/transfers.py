"""What an import fetches and whom it tells: `fileUrl` and `notifyUrl`."""

import logging

import httpx
import orjson

logger = logging.getLogger(__name__)
_SECONDS = 30


def fetch_as_body(url: str) -> bytes:
    """Give the body of an import that carries what is there: a .json file or else CSV.

    Whatever goes wrong is raised.
    """
    with httpx.Client(timeout=_SECONDS, trust_env=False, follow_redirects=True) as http:
        answer = http.get(url).raise_for_status()
    if httpx.URL(url).path.endswith(".json"):
        return b'{"jsonBody":' + answer.content + b"}"
    return orjson.dumps({"fileBody": answer.text})


def notify(url: str, process: int, status: str) -> None:
    """Tell once; what Brevo sends is not documented, so this is little."""
    try:
        with httpx.Client(timeout=_SECONDS, trust_env=False) as http:
            http.post(url, json={"processId": process, "status": status})
    except httpx.HTTPError as error:
        logger.warning("import %d could not tell %s: %s", process, url, error)
