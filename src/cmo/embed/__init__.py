"""Text to vectors: a local encoder by default, any OpenAI-compatible endpoint by configuration.

::

    text ─► tokens ─► packed by length ─► ONNX Runtime (a session a device) ─► token vectors ─► passage, sentences

Importing this loads neither ONNX Runtime nor a model nor an HTTP client; `open_onnx` and `EndpointEmbedder` do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cmo.embed.encoder import OnnxEmbedder, open_onnx

if TYPE_CHECKING:
    from cmo.embed.endpoint import EndpointEmbedder

__all__ = ["EndpointEmbedder", "OnnxEmbedder", "open_onnx"]


def __getattr__(name: str) -> object:
    """The endpoint's class on first use: its HTTP client takes longer to import than a question to answer."""
    if name == "EndpointEmbedder":
        from cmo.embed.endpoint import EndpointEmbedder  # noqa: PLC0415 - see above

        return EndpointEmbedder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
