"""What part of an article a heading opens."""

from __future__ import annotations

import re

from cmo.model.papers import Section

__all__ = ["section_named"]

_NUMBERING = re.compile(r"^\W*(?:(?:\d{1,2}|[IVX]{1,5}|[A-H])(?:\.\d{1,2})*[.):]?\s+)?\W*")
_RULES: tuple[tuple[Section, re.Pattern[str]], ...] = tuple(
    (section, re.compile(rf"(?:{pattern})", re.IGNORECASE))
    for section, pattern in (
        (Section.ABSTRACT, r"(?:structured |graphical )?abstract\b|summary$|synopsis$|highlights$|key ?points$"),
        (Section.CONCLUSION, r"(?:summary,? (?:and|&) )?(?:conclusions?\b|concluding|perspectives?$|outlook$|future )"),
        (Section.RESULTS, r"(?:main )?(?:results?\b|findings$)"),
        (Section.DISCUSSION, r"(?:general )?discussion\b|strengths and limitations|limitations?\b"),
        (Section.INTRODUCTION, r"intro(?:duction)?\b|background\b"),
        (
            Section.METHODS,
            (
                r"(?:(?:materials?|patients?|subjects?|participants?|animals?|samples?|methods?|experimental)"
                r"(?:,? (?:and|&) (?:materials?|methods?|design|procedures?|subjects?|patients?))*$)"
                r"|(?:study |online |star ?)?method(?:s|ology|ologies)?\b|experimental (?:section|procedures?|design|part)"
                r"|materials?(?:/| and |\|)methods?|study (?:design|population)|statistical anal"
            ),
        ),
        (
            Section.BACK,
            (
                r"acknowledg|fund(?:ing|ed)\b|financial (?:support|disclosure)|(?:declarations? of |potential )?conflicts?\b"
                r"|(?:declarations? of )?(?:competing|conflicting) |declarations?$|disclosures?\b|coi-statement|conflict"
                r"|(?:list of )?abbreviations|glossary|nomenclature"
                r"|authors?[’'`]*s?[’'`]* (?:contributions?|information|details|statement)|contributions?$|contributors?$"
                r"|supplement(?:ary|al)\b|support(?:ing)? (?:information|data)|additional (?:files?|information|materials?)"
                r"|(?:data|code|materials?|software)[- ](?:and \w+ )?(?:availab|access|deposit|sharing)|availab"
                r"|ethic|consent\b|(?:publisher|editor)[’'`]*s note|permissions?$|provenance|orcid|credit author"
                r"|institutional review|informed consent|open access$|copyright|electronic supplementary"
            ),
        ),
        (Section.REFERENCES, r"references?(?: cited| and notes|s)?$|bibliograph|literature(?: cited)?$|works cited"),
    )
)


def section_named(heading: str) -> Section | None:
    """The section that a heading such as "2. Materials and Methods" or a JATS `sec-type` opens; None if it opens none."""
    words = " ".join(_NUMBERING.sub("", heading, count=1).split()).rstrip(" .:;")
    return next((section for section, pattern in _RULES if pattern.match(words)), None)
