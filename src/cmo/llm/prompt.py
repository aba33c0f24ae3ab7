"""What is asked of a language model, and the shape of its reply; the words are in `prompt.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from cmo.kit.hashing import hex_hash
from cmo.model.chat import Message, Speaker
from cmo.model.concepts import Kind, RelationType

_HELD = json.loads(files("cmo.llm").joinpath("prompt.json").read_text("utf-8"))
_Text = Annotated[str, Field(min_length=1, max_length=2_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EntitySaid(_Strict):
    """A thing that the model says is named."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    kind: Kind


class RelationSaid(_Strict):
    """A relation that the model says is stated."""

    subject: _Text
    object: _Text
    type: RelationType
    negated: bool
    hedged: bool
    evidence: _Text


class ReplySaid(_Strict):
    """All that it says of a passage."""

    entities: Annotated[tuple[EntitySaid, ...], Field(max_length=_HELD["most_entities"])]
    relations: Annotated[tuple[RelationSaid, ...], Field(max_length=_HELD["most_relations"])]


def messages(sentences: Sequence[str]) -> list[Message]:
    """The question about a passage. Its sentences are JSON strings, so no text of theirs can end the passage."""
    passage = json.dumps(list(sentences), ensure_ascii=False)
    return [Message(Speaker.SYSTEM, _HELD["system"]), Message(Speaker.USER, _HELD["user"] + passage)]


@cache
def schema() -> dict[str, Any]:
    """The reply's JSON schema, without references, which small servers do not resolve."""
    made = ReplySaid.model_json_schema()
    named = made.pop("$defs")

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            return plain(named[value["$ref"].rpartition("/")[2]])
        return {key: plain(item) for key, item in value.items() if key not in {"title", "description"}}

    found: dict[str, Any] = plain(made)
    return found


@cache
def digest() -> str:
    """Of the prompt and of the reply's shape."""
    return hex_hash(json.dumps(_HELD, sort_keys=True), json.dumps(schema(), sort_keys=True), size=4)
