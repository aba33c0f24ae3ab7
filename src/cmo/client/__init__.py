"""The service from Python, over HTTP: every endpoint a method, with or without asyncio. Loads nothing heavy.

::

    with Client() as oracle:
        reply = oracle.ask("Which amino acids are raised in maple syrup urine disease?")

A call that is safe to repeat is repeated where the service says that this may help. What the service refuses is raised as
the error that it is in process (`cmo.errors`), from a `ServiceRefused` that has status, code and the whole problem.
"""

from cmo.client.calls import Filters
from cmo.client.client import AsyncClient, Client
from cmo.client.stream import Event
from cmo.client.upload import File, Progress
from cmo.kit.deadline import within

__all__ = ["AsyncClient", "Client", "Event", "File", "Filters", "Progress", "within"]
