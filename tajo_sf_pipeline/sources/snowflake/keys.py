"""The private key of a key pair: read, judged, and turned into what each transport signs with."""

import base64
import hashlib
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from tajo_sf_pipeline.config.settings import KeyPair
from tajo_sf_pipeline.errors import ConfigurationError

# docs.snowflake.com/en/user-guide/key-pair-auth: at least 2048 bits.
MIN_BITS = 2048
MAKE_A_KEY = (
    "`tajo connectors connect snowflake` makes a key pair and prints how to register its public "
    "half."
)


def private_key(auth: KeyPair, folder: Path) -> RSAPrivateKey:
    """Read the key; a relative path is beside tajo.yaml, in `folder`.

    Raises `ConfigurationError` saying what is wrong with it, never what is in it.
    """
    passphrase = auth.private_key_passphrase.reveal() if auth.private_key_passphrase else None
    pem = _pem(auth, folder)
    try:
        key = _loaded(pem, passphrase.encode() if passphrase else None)
    except TypeError:  # the library's way to say that just one of key and caller has a passphrase
        if passphrase is None:
            raise _unusable(
                "is encrypted, and no passphrase is given", "Set private_key_passphrase."
            ) from None
        raise _unusable(
            "is not encrypted, and a passphrase is given", "Take private_key_passphrase out."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        if b"ENCRYPTED" in pem:
            raise _unusable(
                "does not open with the passphrase", "Correct private_key_passphrase."
            ) from None
        raise _unusable("is not a private key in PEM form", MAKE_A_KEY) from None
    if not isinstance(key, RSAPrivateKey):
        raise _unusable(f"is {type(key).__name__}, and Snowflake's REST API wants RSA", MAKE_A_KEY)
    if key.key_size < MIN_BITS:
        raise _unusable(f"has {key.key_size} bits; Snowflake wants {MIN_BITS} or more", MAKE_A_KEY)
    return key


def fingerprint(key: RSAPrivateKey) -> str:
    """Return what ``DESC USER`` shows as RSA_PUBLIC_KEY_FP for the key's public half."""
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return "SHA256:" + base64.b64encode(hashlib.sha256(public).digest()).decode()


@lru_cache(maxsize=4)
def _loaded(pem: bytes, passphrase: bytes | None) -> PrivateKeyTypes:
    # To prove that its primes are primes takes 60 ms, and each step of a run asks for the key.
    return serialization.load_pem_private_key(pem, passphrase)


def _pem(auth: KeyPair, folder: Path) -> bytes:
    if auth.private_key is not None:
        # One-line environment files write the line breaks as \n.
        return auth.private_key.reveal().replace("\\n", "\n").encode()
    if auth.private_key_path is None:
        raise _unusable("is not given", "Give private_key or private_key_path under auth.")
    path = folder / auth.private_key_path.expanduser()
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unusable(f"cannot be read: {path}: {error.strerror}", MAKE_A_KEY) from None


def _unusable(what: str, next_step: str) -> ConfigurationError:
    return ConfigurationError("TAJO-131", f"the Snowflake private key {what}", next_step)
