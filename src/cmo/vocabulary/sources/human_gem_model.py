"""Human-GEM as its project publishes it: the model in YAML, the identifiers in a table beside it.

The model is eight megabytes of plain blocks, so that it is read line by line; a YAML parser would need a minute.

::

    - reactions:
        - !!omap
          - id: "MAR03905"
          - metabolites: !!omap
              - MAM01796c: -1
          - lower_bound: 0
          - subsystem:
              - "Glycolysis / Gluconeogenesis"
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cmo.errors import VocabularyError
from cmo.vocabulary.sources.notes import Notes, Problem
from cmo.vocabulary.sources.rows import lines, split, table

COLUMNS = {
    "chebi": ("CHEBI", "metChEBIID"), "hmdb": ("HMDB", "metHMDBID"), "kegg": ("KEGG", "metKEGGID"),
    "lipidmaps": ("LIPIDMAPS", "metLipidMapsID"), "inchikey": ("INCHIKEY", ""), "pubchem": ("PUBCHEM", "metPubChemID"),
}  # fmt: skip
"""Identifiers of a metabolite: column of the table of names, our source, column of the project's own table."""
_FIELD = re.compile(r"- (?P<key>[\w-]+):(?: (?P<value>.*))?$")
_GENE = re.compile(r"ENSG\d+")
_ITEM = "- !!omap"


@dataclass(frozen=True, slots=True)
class Metabolite:
    """A metabolite, whatever the compartment."""

    id: str
    """Without compartment: ``MAM01796``."""
    name: str
    xrefs: Mapping[str, tuple[str, ...]]
    place: str


@dataclass(frozen=True, slots=True)
class Reaction:
    """A reaction, whatever the compartment."""

    id: str
    substrates: tuple[str, ...]
    """Ids of metabolites."""
    products: tuple[str, ...]
    reversible: bool
    subsystem: str
    genes: tuple[str, ...]
    """Ensembl ids of the genes that its rule names."""
    place: str


@dataclass(slots=True)
class _Block:
    """One metabolite, reaction or gene of the model."""

    section: str
    line: int
    fields: dict[str, str] = field(default_factory=dict)
    amounts: dict[str, float] = field(default_factory=dict)
    """Of a reaction: metabolites by compartment, negative where they are used up."""


def read_model(path: Path, identifiers: Path, notes: Notes) -> tuple[list[Metabolite], list[Reaction]]:
    """Metabolites and reactions of the model.

    Raises:
        VocabularyError: it is no such model.
    """
    xrefs = dict(_xrefs(identifiers, notes))
    metabolites: dict[str, Metabolite] = {}
    reactions: list[Reaction] = []
    for block in _blocks(path, notes):
        where, identifier = f"{path.name}:{block.line}", block.fields.get("id", "")
        if block.section == "metabolites" and block.fields.get("name") and identifier:
            known = metabolites.setdefault
            known(
                identifier[:-1],
                Metabolite(identifier[:-1], block.fields["name"], xrefs.get(identifier[:-1], {}), where),
            )
        elif block.section == "reactions" and identifier and block.amounts:
            reactions.append(_reaction(block, where))
        elif block.section != "genes":
            notes.wrong(Problem.BAD_ROW, where, f"a block of {block.section} lacks its id, name or metabolites")
    if not metabolites:
        raise VocabularyError(f"{path} holds no metabolites: it is not the model that Human-GEM publishes.")
    return _sound(reactions, metabolites, notes)


def _sound(
    reactions: list[Reaction], metabolites: Mapping[str, Metabolite], notes: Notes
) -> tuple[list[Metabolite], list[Reaction]]:
    """Both, without reactions of metabolites that the model does not name."""
    sound: list[Reaction] = []
    for reaction in reactions:
        if all(m in metabolites for m in (*reaction.substrates, *reaction.products)):
            sound.append(reaction)
        else:
            notes.wrong(
                Problem.BAD_ROW, reaction.place, f"{reaction.id} uses a metabolite that the model does not name"
            )
    return list(metabolites.values()), sound


def _blocks(path: Path, notes: Notes) -> Iterator[_Block]:
    section, block = "", None
    for number, line in lines(path):
        text = line.strip()
        if text == _ITEM or line.startswith("- "):
            if block:
                yield block
            section = section if text == _ITEM else text.removeprefix("- ").rstrip(":")
            block = _Block(section, number) if text == _ITEM else None
        elif block:
            _take(block, text, f"{path.name}:{number}", notes)
        elif section == "metaData" and text.startswith(("version:", "date:")):
            notes.version = _unquoted(text.partition(":")[2]) or notes.version
    if block:
        yield block


def _take(block: _Block, text: str, where: str, notes: Notes) -> None:
    """One line of a block: a field, an amount of a metabolite, or the first item of a list."""
    match = _FIELD.fullmatch(text)
    last = next(reversed(block.fields), "")
    if match and last == "metabolites" and match["key"].startswith("MAM"):
        _amount(block, match["key"], match["value"] or "", where, notes)
    elif match:
        block.fields[match["key"]] = _unquoted(match["value"] or "")
    elif last and text.startswith("- "):
        block.fields[last] = block.fields[last] or _unquoted(text[2:])


def _amount(block: _Block, metabolite: str, value: str, where: str, notes: Notes) -> None:
    try:
        block.amounts[metabolite] = float(value)
    except ValueError:
        notes.wrong(Problem.BAD_ROW, where, f"{value!r} is no amount")


def _reaction(block: _Block, where: str) -> Reaction:
    used = tuple(dict.fromkeys(m[:-1] for m, amount in block.amounts.items() if amount < 0))
    made = tuple(dict.fromkeys(m[:-1] for m, amount in block.amounts.items() if amount > 0))
    backwards = block.fields.get("lower_bound", "0").startswith("-")
    genes = tuple(dict.fromkeys(_GENE.findall(block.fields.get("gene_reaction_rule", ""))))
    return Reaction(block.fields["id"], used, made, backwards, block.fields.get("subsystem", ""), genes, where)


def _xrefs(path: Path, notes: Notes) -> Iterator[tuple[str, dict[str, tuple[str, ...]]]]:
    columns = {column: source for source, column in COLUMNS.values() if column}
    for _, row in table(path, ("metsNoComp", *columns), notes):
        found = {source: split(row[column].replace("CHEBI:", "")) for column, source in columns.items()}
        yield row["metsNoComp"], {source: values for source, values in found.items() if values}


def _unquoted(text: str) -> str:
    return text.strip().strip('"')
