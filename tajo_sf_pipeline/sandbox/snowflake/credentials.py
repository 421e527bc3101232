"""The one user of the local Snowflake and what it may sign in with."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tajo_sf_pipeline.sandbox.snowflake import (
    OAUTH_TOKEN,
    PASSWORD,
    PRIVATE_KEY_FILE,
    PROGRAMMATIC_ACCESS_TOKEN,
    USER,
)

CREDENTIALS_FILE = "snowflake_credentials.json"


@dataclass(frozen=True, slots=True)
class Credentials:
    public_keys: tuple[str, ...]
    user: str = USER
    password: str = PASSWORD
    programmatic_access_token: str = PROGRAMMATIC_ACCESS_TOKEN
    oauth_token: str = OAUTH_TOKEN


def provide_credentials(home: Path) -> Credentials:
    """Read the credentials of this home; the first start makes them, and the private key."""
    file = home / CREDENTIALS_FILE
    if file.exists():
        kept = json.loads(file.read_text())
        return Credentials(**(kept | {"public_keys": tuple(kept["public_keys"])}))
    credentials = Credentials((_make_key_pair(home / PRIVATE_KEY_FILE),))
    _write_private(file, json.dumps(asdict(credentials), indent=2) + "\n")
    return credentials


def _make_key_pair(private_key_file: Path) -> str:
    """Write a private key as `openssl genrsa 2048 | openssl pkcs8` does; return its public key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _write_private(private_key_file, pem.decode())
    public_pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return public_pem.decode()


def _write_private(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.write_text(text)
