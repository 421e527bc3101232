"""The local Brevo as one ASGI application: ``/v3``, ``/admin``, reports and a page at ``/``."""

from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tajo_sf_pipeline.sandbox.brevo.accounts import Accounts
from tajo_sf_pipeline.sandbox.brevo.admin import Admin
from tajo_sf_pipeline.sandbox.brevo.credentials import Credentials
from tajo_sf_pipeline.sandbox.brevo.gate import Gate
from tajo_sf_pipeline.sandbox.brevo.imports.queue import ImportQueue
from tajo_sf_pipeline.sandbox.brevo.page.render import Page
from tajo_sf_pipeline.sandbox.brevo.replies import ApiError
from tajo_sf_pipeline.sandbox.brevo.store import Store


def create_app(store: Store, accounts: Accounts, imports: ImportQueue) -> Starlette:
    credentials = Credentials(accounts)
    gate, admin = Gate(store, credentials, imports), Admin(store, accounts)

    async def token(request: Request) -> Response:
        form = parse_qsl((await request.body()).decode(errors="replace"))
        reply = credentials.token_for(dict(form))
        return JSONResponse(reply.body, reply.status)

    account = "/admin/accounts/{key}"
    every_method = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return Starlette(
        routes=[
            Route("/", Page(store, accounts).show),
            Route("/v3/{path:path}", gate.answer, methods=every_method),
            Route("/realms/partner/oauth/token", token, methods=["POST"]),
            Route("/reports/{token}.csv", admin.report),
            Route("/admin/health", admin.health),
            Route("/admin/accounts", admin.create_account, methods=["POST"]),
            Route(account, admin.change_account, methods=["PATCH"]),
            Route(f"{account}/object-types/{{type}}", admin.change_object_type, methods=["PUT"]),
            Route(f"{account}/{{deed}}", admin.do, methods=["POST"]),
            Route(f"{account}/{{view}}", admin.read),
        ],
        exception_handlers={ApiError: _refusal},
    )


async def _refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return JSONResponse(error.reply.body, error.reply.status)
