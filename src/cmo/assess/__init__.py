"""How good an answer is: each sentence against its evidence, then the answer as a whole.

::

    claims ─► compared with evidence (words, figures, directions, negations, vectors) ─► P(supported), P(contradicted)
          └─► answer: relevance, accuracy, coverage, citations, agreement ─► composite, P(acceptable)

No language model is needed; where a model of inference is configured, it is asked about doubtful sentences.
"""

from __future__ import annotations

from cmo.assess.answer import Assessor, Reviewed, Said, reviewed
from cmo.assess.sentences import Stated, claims_of
from cmo.assess.support import SupportScorer
from cmo.model.assessments import Claim

__all__ = ["Assessor", "Claim", "Reviewed", "Said", "Stated", "SupportScorer", "claims_of", "reviewed"]
