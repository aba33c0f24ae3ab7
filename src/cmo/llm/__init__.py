"""Language models behind an endpoint, and papers read with one.

::

    paper --> passages, numbered sentences --> model --> JSON --checked, word for word--> Reading

What a model says is believed only where a sentence of the passage, word for word, names both things.
"""

from cmo.llm.endpoint import ChatEndpoint

__all__ = ["ChatEndpoint"]
