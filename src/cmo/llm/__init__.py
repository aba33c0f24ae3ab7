"""Language models behind an endpoint, and papers read with one.

::

    paper --> passages, sentence by sentence --> model --> JSON --checked, word for word--> Reading

What a model says is believed only where a sentence of the passage, word for word, names both things.
"""

from cmo.llm.endpoint import ChatEndpoint
from cmo.llm.paid import Bill, Paid
from cmo.llm.reader import Dropped, LlmReader, Study

__all__ = ["Bill", "ChatEndpoint", "Dropped", "LlmReader", "Paid", "Study"]
