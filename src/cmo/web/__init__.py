"""HTTP: the service and its one page. Bytes come in and go out here; what they mean is decided elsewhere."""

from cmo.web.api import create_api

__all__ = ["create_api"]
