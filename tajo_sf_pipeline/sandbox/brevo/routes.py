"""Which handler answers which method and path.

The path is taken apart before it is percent-decoded: an identifier may itself contain a slash.
"""

from collections.abc import Callable
from urllib.parse import unquote

from tajo_sf_pipeline.sandbox.brevo.api import (
    account,
    attributes,
    contacts,
    imports,
    lists,
    memberships,
    processes,
)
from tajo_sf_pipeline.sandbox.brevo.call import Call
from tajo_sf_pipeline.sandbox.brevo.replies import Reply, not_found

Handler = Callable[[Call], Reply]

_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/v3/account", account.show),
    ("GET", "/v3/processes", processes.list_all),
    ("GET", "/v3/processes/{processId}", processes.show),
    ("GET", "/v3/contacts", contacts.list_all),
    ("POST", "/v3/contacts", contacts.create),
    ("POST", "/v3/contacts/import", imports.start),
    ("GET", "/v3/contacts/attributes", attributes.list_all),
    ("POST", "/v3/contacts/attributes/{category}/{name}", attributes.create),
    ("PUT", "/v3/contacts/attributes/{category}/{name}", attributes.update),
    ("DELETE", "/v3/contacts/attributes/{category}/{name}", attributes.delete),
    ("GET", "/v3/contacts/lists", lists.list_lists),
    ("POST", "/v3/contacts/lists", lists.create_list),
    ("GET", "/v3/contacts/lists/{listId}", lists.show_list),
    ("PUT", "/v3/contacts/lists/{listId}", lists.update_list),
    ("DELETE", "/v3/contacts/lists/{listId}", lists.delete_list),
    ("GET", "/v3/contacts/lists/{listId}/contacts", lists.list_contacts),
    ("POST", "/v3/contacts/lists/{listId}/contacts/add", memberships.add),
    ("POST", "/v3/contacts/lists/{listId}/contacts/remove", memberships.remove),
    ("GET", "/v3/contacts/folders", lists.list_folders),
    ("POST", "/v3/contacts/folders", lists.create_folder),
    ("GET", "/v3/contacts/folders/{folderId}/lists", lists.list_folder_lists),
    # Last, as it would match the literal paths above.
    ("GET", "/v3/contacts/{identifier}", contacts.show),
    ("PUT", "/v3/contacts/{identifier}", contacts.update),
    ("DELETE", "/v3/contacts/{identifier}", contacts.delete),
)
# Paths of Brevo that look like a contact's.
_NOT_IDENTIFIERS = {"batch", "consent-groups", "doubleOptinConfirmation", "export", "segments"}


def find_handler(method: str, raw_path: str) -> tuple[Handler, dict[str, str]]:
    """Find the handler and the decoded parts of the path; ApiError 404 when there is none."""
    segments = raw_path.split("/")
    for route_method, pattern, handler in _ROUTES:
        if method == route_method:
            parameters = _match(pattern.split("/"), segments)
            if parameters is not None:
                return handler, parameters
    raise not_found(f"the local Brevo does not answer {method} {raw_path} yet")


def _match(pattern: list[str], segments: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(segments):
        return None
    parameters = {}
    for expected, segment in zip(pattern, segments, strict=True):
        if expected.startswith("{"):
            parameters[expected.strip("{}")] = unquote(segment)
        elif expected != segment:
            return None
    return None if parameters.get("identifier") in _NOT_IDENTIFIERS else parameters
