"""Routing: a question to where its answer would best come from, with reasons, in a millisecond.

::

    question --rules--> cues --features--> head --calibration--> probabilities --decide--> Route
                 |                                    |
                 '--settled? done                     '--in doubt? a language model may be asked

`KeywordRouter` does without head and embedder; `Cascade` is the whole of it.
"""

from cmo.route.cascade import Cascade, Model
from cmo.route.kept import open_model, shipped_model
from cmo.route.keywords import KeywordRouter
from cmo.route.opinion import Adviser
from cmo.route.rules import shipped as shipped_rules

__all__ = ["Adviser", "Cascade", "KeywordRouter", "Model", "open_model", "shipped_model", "shipped_rules"]
