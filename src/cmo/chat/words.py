"""What the chat itself says, in the language that the browser asks for; answers come in that of the question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Words:
    """One language."""

    ready: str
    processing: str
    stages: Mapping[str, str]
    """What is done for an answer, as nouns; Chainlit sets "Using" or "Used" before them."""
    quality: str
    sorry: str
    follows: str
    as_written: str
    references: str
    relations: str
    table: tuple[str, str, str, str]
    """Heads of its columns: relation, probability, papers for, papers against."""
    export: str
    exported: str
    adding: str
    added: str
    refused: str
    nearest: str
    foot: str
    """Below the box to type in."""
    deep: str
    """Name of the way to ask that plans, and answers part by part."""
    deep_about: str
    ordinary: str
    go_on: str
    stopped: str
    disputes: str
    gaps: str
    who: str
    """Where somebody has to sign in."""
    sign_in: str
    tag: str
    """Of the language."""


ENGLISH: Final = Words(
    ready="🧬 Clinical Metabolomics Oracle with LightRAG is ready! Ask about metabolites, diseases and pathways; every sentence "
    "opens the page that it is printed on. Attach papers (PDF, JATS, Markdown, text) to add them to the base.",
    processing="🔬 Processing your query...",
    stages={
        "retrieve": "search of the papers",
        "write": "words for an answer",
        "check": "check of each sentence",
        "translate": "translation",
        "plan": "plan",
        "read": "reading",
    },
    quality="Quality",
    sorry="I apologize, but your question could not be answered.",
    follows="Taken as a follow-up, and asked as",
    as_written="Ask it as written",
    references="References",
    relations="What the papers say of each relation",
    table=("relation", "probability", "for", "against"),
    export="Export this conversation",
    exported="The conversation so far, and its references for a reference manager.",
    adding="Adding",
    added="added to the base",
    refused="not added",
    nearest="What came nearest",
    foot="Every sentence names its page: open it before you rely on it.",
    deep="Deep",
    deep_about="Plan the question, answer it part by part, and check what the parts say against each other",
    ordinary="Ask it as an ordinary question",
    go_on="Go on with it",
    stopped="Stopped.",
    disputes="What the papers do not agree on",
    gaps="What got no answer",
    who="The service wants to know who asks. Sign in there, and you come back here.",
    sign_in="Sign in",
    tag="en",
)
GERMAN: Final = Words(
    ready="🧬 Clinical Metabolomics Oracle with LightRAG is ready! Fragen Sie nach Metaboliten, Krankheiten und Stoffwechselwegen; "
    "jeder Satz öffnet die Seite, auf der er steht. Angehängte Arbeiten (PDF, JATS, Markdown, Text) kommen in den Bestand.",
    processing="🔬 Ihre Frage wird bearbeitet...",
    stages={
        "retrieve": "Suche in den Arbeiten",
        "write": "Worte für eine Antwort",
        "check": "Prüfung jedes Satzes",
        "translate": "Übersetzung",
        "plan": "Plan",
        "read": "Lektüre",
    },
    quality="Qualität",
    sorry="Entschuldigung, Ihre Frage konnte nicht beantwortet werden.",
    follows="Als Anschlussfrage verstanden und gestellt als",
    as_written="So stellen, wie sie dasteht",
    references="Literatur",
    relations="Was die Arbeiten über jede Beziehung sagen",
    table=("Beziehung", "Wahrscheinlichkeit", "dafür", "dagegen"),
    export="Gespräch ausgeben",
    exported="Das Gespräch bis hierher, und seine Literatur für ein Literaturprogramm.",
    adding="Wird aufgenommen:",
    added="aufgenommen",
    refused="nicht aufgenommen",
    nearest="Am nächsten kommt",
    foot="Jeder Satz nennt seine Seite: sehen Sie nach, bevor Sie sich darauf verlassen.",
    deep="Gründlich",
    deep_about="Die Frage planen, Teil für Teil beantworten und prüfen, ob die Teile einander widersprechen",
    ordinary="Als gewöhnliche Frage stellen",
    go_on="Damit fortfahren",
    stopped="Angehalten.",
    disputes="Worin sich die Arbeiten nicht einig sind",
    gaps="Was ohne Antwort blieb",
    who="Der Dienst möchte wissen, wer fragt. Melden Sie sich dort an, dann kommen Sie hierher zurück.",
    sign_in="Anmelden",
    tag="de",
)
FRENCH: Final = Words(
    ready="🧬 Clinical Metabolomics Oracle with LightRAG is ready! Posez vos questions sur les métabolites, les maladies et les voies ; "
    "chaque phrase ouvre la page où elle est imprimée. Joignez des articles (PDF, JATS, Markdown, texte) pour les ajouter.",
    processing="🔬 Votre question est en cours de traitement...",
    stages={
        "retrieve": "recherche dans les articles",
        "write": "mots pour une réponse",
        "check": "vérification de chaque phrase",
        "translate": "traduction",
        "plan": "plan",
        "read": "lecture",
    },
    quality="Qualité",
    sorry="Toutes nos excuses, votre question n'a pas pu recevoir de réponse.",
    follows="Comprise comme une suite, et posée ainsi",
    as_written="La poser telle quelle",
    references="Références",
    relations="Ce que les articles disent de chaque relation",
    table=("relation", "probabilité", "pour", "contre"),
    export="Exporter la conversation",
    exported="La conversation jusqu'ici, et ses références pour un gestionnaire de références.",
    adding="Ajout de",
    added="ajouté à la base",
    refused="non ajouté",
    nearest="Le plus proche",
    foot="Chaque phrase nomme sa page : ouvrez-la avant de vous y fier.",
    deep="Approfondi",
    deep_about="Planifier la question, y répondre partie par partie et vérifier si les parties se contredisent",
    ordinary="La poser comme une question ordinaire",
    go_on="La poursuivre",
    stopped="Arrêté.",
    disputes="Ce sur quoi les articles ne s'accordent pas",
    gaps="Ce qui est resté sans réponse",
    who="Le service veut savoir qui pose les questions. Connectez-vous là-bas, puis vous reviendrez ici.",
    sign_in="Se connecter",
    tag="fr",
)
SPANISH: Final = Words(
    ready="🧬 Clinical Metabolomics Oracle with LightRAG is ready! Pregunte por metabolitos, enfermedades y rutas; cada frase abre la "
    "página donde está impresa. Adjunte artículos (PDF, JATS, Markdown, texto) para añadirlos a la base.",
    processing="🔬 Procesando su pregunta...",
    stages={
        "retrieve": "búsqueda en los artículos",
        "write": "palabras para una respuesta",
        "check": "revisión de cada frase",
        "translate": "traducción",
        "plan": "plan",
        "read": "lectura",
    },
    quality="Calidad",
    sorry="Lo sentimos, no se ha podido responder a su pregunta.",
    follows="Entendida como continuación, y preguntada así",
    as_written="Preguntarla tal cual",
    references="Referencias",
    relations="Lo que los artículos dicen de cada relación",
    table=("relación", "probabilidad", "a favor", "en contra"),
    export="Exportar la conversación",
    exported="La conversación hasta aquí, y sus referencias para un gestor de referencias.",
    adding="Añadiendo",
    added="añadido a la base",
    refused="no añadido",
    nearest="Lo más cercano",
    foot="Cada frase nombra su página: ábrala antes de fiarse de ella.",
    deep="A fondo",
    deep_about="Planificar la pregunta, responderla por partes y comprobar si las partes se contradicen",
    ordinary="Hacerla como pregunta corriente",
    go_on="Continuar con ella",
    stopped="Detenido.",
    disputes="En qué no coinciden los artículos",
    gaps="Lo que quedó sin respuesta",
    who="El servicio quiere saber quién pregunta. Inicie sesión allí y volverá aquí.",
    sign_in="Iniciar sesión",
    tag="es",
)
_LANGUAGES: Final[Mapping[str, Words]] = {"en": ENGLISH, "de": GERMAN, "fr": FRENCH, "es": SPANISH}


PROCESSING: Final = frozenset(words.processing for words in _LANGUAGES.values())
"""What stands where an answer will, in all languages."""
DEEP: Final = frozenset(words.deep for words in _LANGUAGES.values())
"""Its names in all languages: a tab that is open may have that of another."""


def words_for(accept_language: str) -> Words:
    """The first language of the header that is spoken here (RFC 9110, 12.5.4); English where none is."""
    wanted: list[tuple[float, str]] = []
    for part in accept_language[:500].split(","):
        tag, _, weight = part.partition(";q=")
        try:
            wanted.append((-float(weight or 1), tag.strip().partition("-")[0].casefold()))
        except ValueError:
            continue
    spoken = (_LANGUAGES[tag] for _, tag in sorted(wanted, key=lambda one: one[0]) if tag in _LANGUAGES)
    return next(spoken, ENGLISH)
