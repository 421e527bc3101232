"""The body of a request, read whole and kept up to Brevo's limit."""

import hashlib
from dataclasses import dataclass

from starlette.requests import Request

from tajo_sf_pipeline.sandbox.brevo.replies import invalid

# Brevo does not say which megabyte it means: the smaller one is what a client can rely on.
MAX_BODY_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class Body:
    content: bytes | None  # None: too large to be kept
    size: int
    sha256: str

    def within_limit(self) -> bytes:
        if self.content is None:
            raise invalid("The request body must not be larger than 10 MB")
        return self.content


async def read_body(request: Request) -> Body:
    """Read to the end even what is too large: a caller that still sends would miss the answer."""
    digest = hashlib.sha256()
    size = 0
    chunks: list[bytes] = []
    async for chunk in request.stream():
        digest.update(chunk)
        size += len(chunk)
        if size <= MAX_BODY_BYTES:
            chunks.append(chunk)
        else:
            chunks.clear()
    content = b"".join(chunks) if size <= MAX_BODY_BYTES else None
    return Body(content, size, digest.hexdigest())
