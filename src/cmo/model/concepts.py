"""What a paper speaks of: concepts, where they are mentioned, and what is said to relate them.

::

    a name in a text --linker--> Mention of a Concept --reader--> Relation between two concepts, with its sentence

A concept is one thing under all its names: TMAO, trimethylamine N-oxide and HMDB0000925 are one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What a concept is."""

    METABOLITE = "metabolite"
    LIPID = "lipid"
    GENE = "gene"
    """A gene or its protein: papers seldom tell them apart."""
    DISEASE = "disease"
    PATHWAY = "pathway"
    ORGANISM = "organism"
    SPECIMEN = "specimen"
    METHOD = "method"
    DRUG = "drug"
    OTHER = "other"
    """Brought in from elsewhere without a kind that we know."""


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing and all its names."""

    id: str
    """A CURIE, ``CHEBI:15724``; of several identifiers the first that exists in the order ChEBI, HMDB, KEGG,
    LIPID MAPS; DOID, MESH; HGNC; Reactome; our own ``CMO:`` last."""
    name: str
    """The preferred name, as people write it."""
    kind: Kind
    synonyms: tuple[str, ...] = ()
    xrefs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Identifiers elsewhere by source: ``{"HMDB": ("HMDB0000925",), "KEGG": ("C01104",), "INCHIKEY": (...)}``."""
    parents: tuple[str, ...] = ()
    """Ids of broader concepts: an is-a hierarchy or the pathway above; never a cycle."""


class Guess(NamedTuple):
    """An id that a span of a question has if papers name it so. A tuple: a question makes hundreds, and few are kept."""

    start: int
    end: int
    concept: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Mention:
    """A place in a text where a concept is named."""

    start: int
    end: int
    """Half-open span of the text that was linked: ``text[start:end]`` is the name as printed."""
    concept: str
    """Id of the concept."""
    kind: Kind
    confidence: float
    """Calibrated probability that this name means this concept here."""
    read_as: str = ""
    """What a misspelled name of a question was taken for; empty for names as they are, so for all of papers."""


class RelationType(StrEnum):
    """What is said to relate a subject to an object."""

    INCREASED_IN = "increased in"
    """The subject's level is higher in the object than in what it is compared with."""
    DECREASED_IN = "decreased in"
    BIOMARKER_OF = "biomarker of"
    PART_OF_PATHWAY = "part of pathway"
    CONVERTED_TO = "converted to"
    INCREASES = "increases"
    """The subject raises the object's level or activity."""
    DECREASES = "decreases"
    TREATS = "treats"
    CAUSES = "causes"
    MEASURED_BY = "measured by"
    FOUND_IN = "found in"
    """In a specimen or an organism."""
    ASSOCIATED_WITH = "associated with"
    """Related, and no more can be said with confidence."""


@dataclass(frozen=True, slots=True)
class Relation:
    """One statement that two concepts are related, as one source makes it."""

    subject: str
    object: str
    """Ids of concepts. For `ASSOCIATED_WITH` the order is that of the ids."""
    type: RelationType
    probability: float
    """Calibrated probability that the source states it."""
    sentence: int
    """Ordinal of its evidence sentence in the paper."""
    negated: bool = False
    """The sentence denies it: ``was not associated with``."""
    hedged: bool = False
    """The sentence is guarded: ``may``, ``suggests``."""
    context: tuple[str, ...] = ()
    """Ids of concepts that the sentence sets it in: specimens, organisms, methods."""
    apart: bool = False
    """The sentence names only one of the two: that they are related, several sentences say together."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reader found in one paper."""

    reader: str
    """Who read, with the digest of what it read by: ``cmo@1a2b3c4d``, ``llm/qwen2.5@9f8e7d6c``, ``lightrag``."""
    mentions: tuple[Mention, ...] = ()
    """In the order of the text, not overlapping."""
    relations: tuple[Relation, ...] = ()
    concepts: tuple[Concept, ...] = ()
    """Concepts that no vocabulary has: brought by an import or a language model."""


@dataclass(frozen=True, slots=True)
class CuratedEdge:
    """A relation that a vocabulary states: a reaction, membership in a pathway. No paper of the base says so."""

    subject: str
    object: str
    """Ids of concepts."""
    type: RelationType
    source: str
    """The vocabulary: ``Rhea``, ``Reactome``."""
    evidence: str
    """Where in that vocabulary: an identifier that a person can look up, ``RHEA:12345``."""
