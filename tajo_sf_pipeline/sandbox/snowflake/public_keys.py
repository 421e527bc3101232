"""The public keys of the user: RSA_PUBLIC_KEY and RSA_PUBLIC_KEY_2, both valid at a time.

Two slots make rotation possible: docs.snowflake.com/en/user-guide/key-pair-auth.
"""

import base64
import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

SLOTS = (1, 2)
FEWEST_BITS = 2048


@dataclass(slots=True)
class PublicKeys:
    """PEM texts by slot; what is registered here while the server runs ends with it."""

    slots: dict[int, str]

    def register(self, slot: int, public_key: str | None) -> None:
        """Fill or empty a slot; a ValueError says why not."""
        if slot not in SLOTS:
            raise ValueError(f"slot is 1 or 2, not {slot!r}")
        if public_key is None:
            self.slots.pop(slot, None)
        else:
            _check(public_key)
            self.slots[slot] = public_key

    def find(self, wanted: str) -> str | None:
        """Look a key up by its fingerprint."""
        return next((key for key in self.slots.values() if fingerprint(key) == wanted), None)

    def fingerprints(self) -> dict[int, str]:
        """RSA_PUBLIC_KEY_FP and RSA_PUBLIC_KEY_2_FP of `DESC USER`."""
        return {slot: fingerprint(key) for slot, key in sorted(self.slots.items())}


def fingerprint(public_key: str) -> str:
    der = serialization.load_pem_public_key(public_key.encode()).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()


def _check(public_key: str) -> None:
    key = serialization.load_pem_public_key(public_key.encode())
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < FEWEST_BITS:
        raise ValueError(f"the key is not an RSA key of at least {FEWEST_BITS} bits")
