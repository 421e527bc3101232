"""OAuth access tokens given out while the server runs; each ends after its seconds."""

import secrets
import time
from dataclasses import dataclass, field
from typing import Literal

Issuer = Literal["snowflake", "external"]


@dataclass(frozen=True, slots=True)
class AccessToken:
    issuer: Issuer
    expires_at: float

    @property
    def expired(self) -> bool:
        return time.time() >= self.expires_at


@dataclass(slots=True)
class AccessTokens:
    _issued: dict[str, AccessToken] = field(default_factory=dict)

    def issue(self, issuer: Issuer, seconds: float) -> str:
        token = f"sandbox-{issuer}-{secrets.token_urlsafe(24)}"
        self._issued[token] = AccessToken(issuer, time.time() + seconds)
        return token

    def find(self, token: str) -> AccessToken | None:
        return self._issued.get(token)
