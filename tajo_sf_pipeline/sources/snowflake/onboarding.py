"""A key pair for the workspace, and the SQL that registers it with the least rights."""

from collections.abc import Iterable
from pathlib import Path
from string import Template

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tajo_sf_pipeline.audience.statement import Table
from tajo_sf_pipeline.sources.snowflake.keys import fingerprint

BITS = 2048
_SETUP = Path(__file__).with_name("setup.sql")


def make_key(path: Path) -> RSAPrivateKey:
    """Make an RSA key and write it, for its owner alone (0600), in PKCS#8 PEM form.

    Raises `FileExistsError`: a key is never overwritten.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(pem)
    return key


def public_key(key: RSAPrivateKey) -> str:
    """Return the public half as ``ALTER USER ... SET RSA_PUBLIC_KEY`` wants it: PEM's inside."""
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return "".join(pem.decode().splitlines()[1:-1])


def setup_sql(
    key: RSAPrivateKey,
    tables: Iterable[Table],
    *,
    user: str,
    role: str,
    warehouse: str,
    database: str,
    statement_timeout: int,
) -> str:
    """Return the script of a service user that may read `tables`, and nothing else."""
    tables = sorted(tables)
    schemas = sorted({(table.database, table.schema) for table in tables})
    grants = [
        *(f"GRANT USAGE ON SCHEMA {db}.{schema} TO ROLE {role};" for db, schema in schemas),
        *(f"GRANT SELECT ON {'.'.join(table)} TO ROLE {role};" for table in tables),
    ]
    return Template(_SETUP.read_text(encoding="utf-8")).substitute(
        user=user,
        role=role,
        warehouse=warehouse,
        database=database,
        statement_timeout=statement_timeout,
        grants="\n".join(grants),
        fingerprint=fingerprint(key),
        slot="RSA_PUBLIC_KEY",
        public_key=public_key(key),
    )
