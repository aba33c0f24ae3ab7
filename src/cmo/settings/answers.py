"""How questions are answered: search, route, wording, language and quality."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings


class AnswerGroup(BaseSettings):
    """How questions are answered: search, route, wording, language and quality."""

    multi_hop: Annotated[bool, Field(validation_alias=AliasChoices("ENABLE_MULTI_HOP"))] = True
    """Whether a search follows the relations of the question's concepts. Can be changed while the service runs."""
    max_hops: Annotated[int, Field(validation_alias=AliasChoices("MAX_HOPS"), ge=0, le=2)] = 1
    """How many relations it follows at most. Can be changed while the service runs."""
    reasoning: Annotated[bool, Field(validation_alias=AliasChoices("ENABLE_REASONING"))] = True
    """Whether an answer tells how the question's concepts hang together. Can be changed while the service runs."""
    engine: Annotated[Literal["cmo", "lightrag"], Field(validation_alias=AliasChoices("CMO_ENGINE"))] = "cmo"
    """Who answers: `cmo`, in the papers' own words, or `lightrag`, which needs a language model."""
    lightrag_python: Annotated[Path | None, Field(validation_alias=AliasChoices("CMO_LIGHTRAG_PYTHON"))] = None
    """A Python that has LightRAG installed, where it is not installed beside us."""
    routing: Annotated[bool, Field(validation_alias=AliasChoices("CMO_ROUTING"))] = False
    """Whether questions are routed: told what they need, refused where they ask for personal medical advice."""
    route_model: Annotated[Path | None, Field(validation_alias=AliasChoices("CMO_ROUTE_MODEL"))] = None
    """A folder made by `cmo route train` and `cmo route calibrate`, instead of the model that comes with the package."""
    llm_classification: Annotated[bool, Field(validation_alias=AliasChoices("ENABLE_LLM_CLASSIFICATION"))] = False
    """Whether the language model at `CMO_LLM_URL` is asked about questions whose route is in doubt."""
    llm_classification_seconds: Annotated[
        float, Field(validation_alias=AliasChoices("CMO_LLM_CLASSIFICATION_SECONDS"), gt=0, le=60)
    ] = 3.0
    """Longest time that it may take for one route; then the decision stands without it."""
    audit_days: Annotated[float, Field(validation_alias=AliasChoices("CMO_AUDIT_DAYS"), ge=0, le=36_500)] = 30.0
    """For how many days the service keeps the questions it was asked and what it answered; with 0 it keeps none."""
    encryption_key: Annotated[SecretStr, Field(validation_alias=AliasChoices("CMO_ENCRYPTION_KEY"))] = SecretStr("")
    """Seals questions, answers, ratings and threads before they are kept (`cmo privacy key`; extra `encryption`); several
    keys are separated by commas: the first seals, all open. Answers are then kept in no cache on the disk."""
    encryption_key_file: Annotated[Path | None, Field(validation_alias=AliasChoices("CMO_ENCRYPTION_KEY_FILE"))] = None
    """A file that holds the same, where `CMO_ENCRYPTION_KEY` is not set."""
    nli_model: Annotated[Path | None, Field(validation_alias=AliasChoices("CMO_NLI_MODEL"))] = None
    """A folder with a model of language inference (ONNX) that is asked about doubtful sentences of answers."""
    answers: Annotated[Literal["extractive", "generated"], Field(validation_alias=AliasChoices("CMO_ANSWERS"))] = (
        "extractive"
    )
    """`extractive`: in the papers' own words; `generated`: in a language model's, each sentence checked against a quote."""
    foreign_words: Annotated[int, Field(validation_alias=AliasChoices("CMO_FOREIGN_WORDS"), ge=0, le=5)] = 0
    """Words of a generated sentence that its quote may lack; more of them tell more, true and untrue alike."""
    mark_unsupported: Annotated[bool, Field(validation_alias=AliasChoices("CMO_MARK_UNSUPPORTED"))] = False
    """Whether what a language model said and no quote bears out is told apart from the answer, instead of left out."""
    translate: Annotated[bool, Field(validation_alias=AliasChoices("CMO_TRANSLATE"))] = True
    """Whether questions in other languages, and their answers, are translated; only where a language model is set."""
    quality_validation: Annotated[bool, Field(validation_alias=AliasChoices("ENABLE_QUALITY_VALIDATION"))] = False
    """Whether each answer is judged before it is shown; always so where the web or a language model takes part."""
    quality_threshold: Annotated[
        float, Field(validation_alias=AliasChoices("LIGHTRAG_QUALITY_THRESHOLD"), ge=0, le=1)
    ] = 0.8
    """Composite quality from which an answer meets the standard."""
    relevance_threshold: Annotated[
        float, Field(validation_alias=AliasChoices("QUALITY_RELEVANCE_THRESHOLD"), ge=0, le=1)
    ] = 0.75
    """Relevance below which an assessment names it as an issue."""
    accuracy_threshold: Annotated[
        float, Field(validation_alias=AliasChoices("QUALITY_ACCURACY_THRESHOLD"), ge=0, le=1)
    ] = 0.8
    """Accuracy below which an assessment names it as an issue."""
