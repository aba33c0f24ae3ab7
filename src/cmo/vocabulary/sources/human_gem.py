"""Human-GEM: metabolites and genes of human metabolism, its reactions and its pathways (subsystems).

::

    metabolite_names.tsv · reactions_named.tsv      tables of names and equations
    Human-GEM.yml · metabolites.tsv                 or the model itself, with its identifiers
    genes.tsv                                       the same for both

    reaction   main substrates --converted to--> main products
    subsystem  <--part of pathway-- metabolites and genes of its reactions
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cmo.errors import VocabularyError
from cmo.model.concepts import Concept, CuratedEdge, Kind, RelationType
from cmo.vocabulary.sources.human_gem_model import COLUMNS, Metabolite, Reaction, read_model
from cmo.vocabulary.sources.human_gem_turnover import main_pairs
from cmo.vocabulary.sources.notes import Notes, Problem
from cmo.vocabulary.sources.rows import Item, found, needed, split, table

SOURCE = "Human-GEM"
_NO_PATHWAYS = frozenset({
    "Transport reactions", "Exchange/demand reactions", "Pool reactions", "Artificial reactions", "Isolated",
    "Miscellaneous", "Peptide metabolism", "",
})  # fmt: skip
_NO_TURNOVER = frozenset({
    "Transport reactions", "Exchange/demand reactions", "Pool reactions", "Artificial reactions",
    "Protein degradation", "Protein assembly", "Protein modification", "Peptide metabolism",
    "Aminoacyl-tRNA biosynthesis",
})  # fmt: skip
_ORDER = ("CHEBI", "HMDB", "KEGG", "LIPIDMAPS")
_SHORTEST_ALIAS = 3
_GENE = re.compile(r"ENSG\d+")
_TERM = re.compile(r"(?:(\d+(?:\.\d+)?) )?(.+)\[\w+\]")


def read(path: Path, notes: Notes) -> Iterator[Item]:
    """Metabolites, genes, subsystems; then what the reactions state of them.

    Raises:
        VocabularyError: the files are not there or not what they should be.
    """
    metabolites, reactions = _model(path, notes)
    ids = _best_ids(metabolites)
    for metabolite in metabolites:
        yield metabolite.place, _concept(metabolite, ids[metabolite.id])
    genes = dict(_genes(needed(path, "genes.tsv"), notes))
    yield from genes.values()
    yield from _pathways(reactions)
    for reaction in reactions:
        for edge in _edges(reaction, ids, genes):
            yield reaction.place, edge


def slug(subsystem: str) -> str:
    """``Glycolysis / Gluconeogenesis`` as a part of an id: subsystems have no numbers."""
    return re.sub(r"[^a-z0-9]+", "-", subsystem.lower()).strip("-")


def _model(path: Path, notes: Notes) -> tuple[list[Metabolite], list[Reaction]]:
    if names := found(path, "metabolite_names.tsv"):
        metabolites = list(_metabolites(names, notes))
        return metabolites, list(_reactions(needed(path, "reactions_named.tsv"), metabolites, notes))
    if model := found(path, "Human-GEM.yml"):
        return read_model(model, needed(path, "metabolites.tsv"), notes)
    raise VocabularyError(f"There is no metabolite_names.tsv and no Human-GEM.yml at {path}. Name the folder of both.")


def _metabolites(path: Path, notes: Notes) -> Iterator[Metabolite]:
    for where, row in table(path, ("id", "name", *COLUMNS), notes):
        if row["id"] and row["name"]:
            xrefs = {source: split(row[name].replace("CHEBI:", "")) for name, (source, _) in COLUMNS.items()}
            yield Metabolite(row["id"], row["name"].strip(), xrefs, where)
        else:
            notes.wrong(Problem.BAD_ROW, where, "a metabolite needs an id and a name")


def _reactions(path: Path, metabolites: Iterable[Metabolite], notes: Notes) -> Iterator[Reaction]:
    ids = {m.name: m.id for m in metabolites}
    for where, row in table(path, ("id", "subsystem", "genes", "equation"), notes):
        left, arrow, right = row["equation"].partition(" <=> ")
        if not arrow:
            left, arrow, right = row["equation"].partition(" =>")
        sides = [_side(text, ids) for text in (left, right)]
        if not arrow or None in sides:
            notes.wrong(Problem.BAD_ROW, where, f"the equation of {row['id']} cannot be read")
            continue
        yield Reaction(
            row["id"], sides[0] or (), sides[1] or (), arrow == " <=> ", row["subsystem"],
            tuple(_GENE.findall(row["genes"])), where,
        )  # fmt: skip


def _side(text: str, ids: Mapping[str, str]) -> tuple[str, ...] | None:
    """Ids of one side of an equation; None where a name is unknown."""
    found: list[str] = []
    for term in text.split(" + "):
        if not term.strip():
            continue
        match = _TERM.fullmatch(term.strip())
        whole = term.strip().rpartition("[")[0]
        identifier = ids.get(whole) or (ids.get(match[2]) if match else None)
        if identifier is None:
            return None
        found.append(identifier)
    return tuple(dict.fromkeys(found))


def _best_ids(metabolites: Iterable[Metabolite]) -> dict[str, str]:
    """The best identifier of each that no other has; the model gives one ChEBI id to several."""
    metabolites = list(metabolites)
    shared = Counter(f"{s}:{v}" for m in metabolites for s in _ORDER for v in m.xrefs.get(s, ()))
    return {
        m.id: next(
            (f"{s}:{v}" for s in _ORDER for v in m.xrefs.get(s, ()) if shared[f"{s}:{v}"] == 1), f"HUMANGEM:{m.id}"
        )
        for m in metabolites
    }


def _concept(metabolite: Metabolite, identifier: str) -> Concept:
    xrefs = {source: values for source, values in metabolite.xrefs.items() if values}
    kind = Kind.LIPID if "LIPIDMAPS" in xrefs else Kind.METABOLITE
    return Concept(identifier, metabolite.name, kind, xrefs={**xrefs, "HUMANGEM": (metabolite.id,)})


def _genes(path: Path, notes: Notes) -> Iterator[tuple[str, tuple[str, Concept]]]:
    columns = ("genes", "geneUniProtID", "geneSymbols", "geneEntrezID", "geneNames", "geneAliases")
    for where, row in table(path, columns, notes):
        identifier, symbol = row["genes"], row["geneSymbols"]
        if not _GENE.fullmatch(identifier) or not symbol:
            notes.wrong(Problem.BAD_ROW, where, "a gene needs an Ensembl id and a symbol")
            continue
        aliases = [alias for alias in split(row["geneAliases"]) if len(alias) >= _SHORTEST_ALIAS]
        names = tuple(dict.fromkeys(n for n in (*split(row["geneNames"]), *aliases) if n != symbol))
        xrefs = {"UNIPROT": split(row["geneUniProtID"]), "NCBIGENE": split(row["geneEntrezID"])}
        known = {source: values for source, values in xrefs.items() if values}
        yield identifier, (where, Concept(f"ENSEMBL:{identifier}", symbol, Kind.GENE, names, known))


def _pathways(reactions: Iterable[Reaction]) -> Iterator[Item]:
    named: dict[str, str] = {}
    for reaction in reactions:
        if reaction.subsystem not in _NO_PATHWAYS:
            named.setdefault(reaction.subsystem, reaction.place)
    for name, where in named.items():
        yield where, Concept(f"HUMANGEM:{slug(name)}", name, Kind.PATHWAY)


@dataclass(frozen=True, slots=True)
class _Ends:
    subject: str
    object: str
    type: RelationType


def _edges(reaction: Reaction, ids: Mapping[str, str], genes: Mapping[str, object]) -> Iterator[CuratedEdge]:
    for ends in (*_turnover(reaction, ids), *_membership(reaction, ids, genes)):
        yield CuratedEdge(ends.subject, ends.object, ends.type, SOURCE, reaction.id)


def _turnover(reaction: Reaction, ids: Mapping[str, str]) -> Iterator[_Ends]:
    if reaction.subsystem in _NO_TURNOVER:
        return
    for substrate, product in main_pairs(reaction.substrates, reaction.products):
        yield _Ends(ids[substrate], ids[product], RelationType.CONVERTED_TO)
        if reaction.reversible:
            yield _Ends(ids[product], ids[substrate], RelationType.CONVERTED_TO)


def _membership(reaction: Reaction, ids: Mapping[str, str], genes: Mapping[str, object]) -> Iterator[_Ends]:
    if reaction.subsystem in _NO_PATHWAYS:
        return
    pathway = f"HUMANGEM:{slug(reaction.subsystem)}"
    pairs = main_pairs(reaction.substrates, reaction.products)
    for metabolite in dict.fromkeys(m for pair in pairs for m in pair):
        yield _Ends(ids[metabolite], pathway, RelationType.PART_OF_PATHWAY)
    for gene in reaction.genes:
        if gene in genes:
            yield _Ends(f"ENSEMBL:{gene}", pathway, RelationType.PART_OF_PATHWAY)
