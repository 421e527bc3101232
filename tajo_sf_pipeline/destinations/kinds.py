"""The kinds of destinations: a new one is a module beside this one, and a line here."""

from collections.abc import Callable, Mapping

from tajo_sf_pipeline.audience.destination import Kind
from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.destinations.base import Writer
from tajo_sf_pipeline.destinations.contacts import ContactsWriter
from tajo_sf_pipeline.destinations.events import EventsWriter
from tajo_sf_pipeline.destinations.objects import ObjectsWriter

WRITERS: Mapping[Kind, Callable[[Audience], Writer]] = {
    "contacts": ContactsWriter,
    "events": EventsWriter,
    "objects": ObjectsWriter,
}


def writer_of(audience: Audience) -> Writer:
    """Return what writes to the audience's destination."""
    return WRITERS[audience.destination.kind](audience)
