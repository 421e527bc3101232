"""The one user as the running server knows it: keys are rotated and tokens issued meanwhile."""

from dataclasses import dataclass, field

from tajo_sf_pipeline.sandbox.snowflake.access_tokens import AccessToken, AccessTokens
from tajo_sf_pipeline.sandbox.snowflake.credentials import Credentials
from tajo_sf_pipeline.sandbox.snowflake.public_keys import PublicKeys


@dataclass(frozen=True, slots=True)
class User:
    credentials: Credentials
    public_keys: PublicKeys
    access_tokens: AccessTokens = field(default_factory=AccessTokens)

    @classmethod
    def with_credentials(cls, credentials: Credentials) -> "User":
        return cls(credentials, PublicKeys(dict(enumerate(credentials.public_keys, start=1))))

    @property
    def name(self) -> str:
        return self.credentials.user

    def owns_oauth_token(self, token: str) -> bool:
        """Whether it is the well-known token, which never expires, or one that still holds."""
        issued = self.access_tokens.find(token)
        return token == self.credentials.oauth_token or bool(issued and not issued.expired)

    def expired_token(self, token: str) -> AccessToken | None:
        issued = self.access_tokens.find(token)
        return issued if issued and issued.expired else None
