"""The web: who searches it, and what its pages say, as data that gives no orders.

::

    question --provider--> results --addresses that may be asked for--> pages --their text, bounded--> the span
                                                                                  that bears on the question

A page that cannot be read is represented by what the provider says of it; `WebPage.whole` tells which it is.
"""

from cmo.websearch.perplexity import Perplexity
from cmo.websearch.reader import PageReader, Reading
from cmo.websearch.results import Answered, Provider, Result
from cmo.websearch.search import Search

__all__ = ["Answered", "PageReader", "Perplexity", "Provider", "Reading", "Result", "Search"]
