"""One page: an account, a row of tabs, and the table of one of them."""

from pathlib import Path
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tajo_sf_pipeline.sandbox.brevo.accounts import Account, Accounts
from tajo_sf_pipeline.sandbox.brevo.page.markup import Markup, element, join, table
from tajo_sf_pipeline.sandbox.brevo.page.views import ROWS, VIEWS, total
from tajo_sf_pipeline.sandbox.brevo.store import Store

_STYLE = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
_SHOWN_ACCOUNTS = 20
_NOTHING = {
    "contacts": "No contact yet: sync an audience, and it appears here.",
    "lists": "No list yet.",
    "events": "No event yet.",
    "objects": "No object record yet.",
    "campaigns": "No campaign yet.",
    "processes": "No import yet.",
    "requests": "Nothing has been asked since the server started.",
}


class Page:
    def __init__(self, store: Store, accounts: Accounts) -> None:
        self._store = store
        self._accounts = accounts

    def show(self, request: Request) -> Response:
        """Show the account of the query, else the first, and the view of the query."""
        accounts = self._accounts.all()
        account = self._accounts.find(request.query_params.get("account", "")) or accounts[0]
        view = request.query_params.get("view", "contacts")
        view = view if view in VIEWS else "contacts"
        number = request.query_params.get("page", "1")
        page = max(int(number), 1) if number.isascii() and number.isdigit() else 1
        title = f"Local Brevo · {view}"
        body = join([_header(account, accounts), self._main(account, view, page)])
        head = join([element("title", title), element("style", Markup(_STYLE)), _META])
        document = element("html", element("head", head), element("body", body), lang="en")
        return HTMLResponse(f"<!doctype html>\n{document}")

    def _main(self, account: Account, view: str, page: int) -> Markup:
        db = self._store.reading()
        counts = {name: total(db, account, name) for name in VIEWS}
        tabs = [_tab(account, name, count, name == view) for name, count in counts.items()]
        shown = VIEWS[view](db, account, (page - 1) * ROWS)
        content = (
            table(shown.columns, shown.rows)
            if shown.rows
            else element("p", _NOTHING[view], class_="nothing")
        )
        pages = _pages(account, view, page, counts[view]) if view != "requests" else Markup()
        return element("main", element("nav", *tabs), content, pages)


_META = Markup(
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
)


def _header(account: Account, accounts: list[Account]) -> Markup:
    settings = account.settings
    limits = "limits on" if settings.rate_limits else "limits off"
    others = [other for other in accounts if other is not account][-_SHOWN_ACCOUNTS:]
    links = [element("a", other.key, href=_address(other, "contacts")) for other in others]
    switch = element("details", element("summary", "other accounts"), *links) if links else Markup()
    return element(
        "header",
        element("h1", "Local Brevo"),
        element("span", account.key, class_="key"),
        element("span", f"{settings.plan} plan, {limits}", class_="plan"),
        switch,
    )


def _tab(account: Account, view: str, count: int, chosen: bool) -> Markup:
    name, number = element("span", view.capitalize()), element("strong", f"{count:,}")
    kind = "tab chosen" if chosen else "tab"
    return element("a", number, name, href=_address(account, view), class_=kind)


def _pages(account: Account, view: str, page: int, count: int) -> Markup:
    last = max((count + ROWS - 1) // ROWS, 1)
    links = []
    for label, number in (("← newer", page - 1), ("older →", page + 1)):
        if 1 <= number <= last:
            links.append(element("a", label, href=_address(account, view, number)))
    where = element("span", f"page {page:,} of {last:,}")
    return element("footer", where, *links) if last > 1 else Markup()


def _address(account: Account, view: str, page: int = 1) -> str:
    query = {"account": account.key, "view": view} | ({"page": page} if page > 1 else {})
    return f"/?{urlencode(query)}"
