"""The local Brevo as one ASGI application: ``/v3``, ``/admin`` and the reports of imports."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tajo_sf_pipeline.sandbox.brevo.accounts import Accounts
from tajo_sf_pipeline.sandbox.brevo.admin import Admin
from tajo_sf_pipeline.sandbox.brevo.gate import Gate
from tajo_sf_pipeline.sandbox.brevo.imports.queue import ImportQueue
from tajo_sf_pipeline.sandbox.brevo.replies import ApiError
from tajo_sf_pipeline.sandbox.brevo.store import Store


def create_app(store: Store, accounts: Accounts, imports: ImportQueue) -> Starlette:
    gate, admin = Gate(store, accounts, imports), Admin(store, accounts)
    account = "/admin/accounts/{key}"
    every_method = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return Starlette(
        routes=[
            Route("/v3/{path:path}", gate.answer, methods=every_method),
            Route("/reports/{token}.csv", admin.report),
            Route("/admin/health", admin.health),
            Route("/admin/accounts", admin.create_account, methods=["POST"]),
            Route(account, admin.change_account, methods=["PATCH"]),
            Route(f"{account}/requests", admin.requests),
            Route(f"{account}/contacts", admin.contacts),
            Route(f"{account}/summary", admin.summary),
        ],
        exception_handlers={ApiError: _refusal},
    )


async def _refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return JSONResponse(error.reply.body, error.reply.status)
