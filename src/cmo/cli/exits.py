"""Exit codes, so that scripts can tell what happened."""

from __future__ import annotations

from enum import IntEnum

from cmo import errors


class Exit(IntEnum):
    """What an exit code of `cmo` means."""

    OK = 0
    """All went well."""
    ERROR = 1
    """Something went wrong that has no code of its own."""
    USAGE = 2
    """The command line was wrong, or the question or a filter."""
    NO_ANSWER = 3
    """The papers do not say enough."""
    SOME_REFUSED = 4
    """At least one file was refused; the others were ingested."""
    NOT_FOUND = 5
    """No such base, paper, page or snapshot."""
    LOCKED = 6
    """Another process is writing."""
    MODEL = 7
    """The model is missing, corrupt or another one."""
    STORE = 8
    """The database or the index cannot be used, or the disk is full."""
    UNSOUND = 9
    """A check found faults: in the base, or in what was to be taken in."""
    DIFFERS = 10
    """What was compared is not the same: an answer would be another one today."""
    INTERRUPTED = 130
    """Ctrl-C; what was acknowledged is kept."""


def said_by_system(error: OSError) -> str:
    """What the operating system refused, as a sentence."""
    what = error.strerror or type(error).__name__
    return f"{error.filename}: {what}." if error.filename else f"{what}."


def exit_for(error: errors.OracleError) -> Exit:
    """The exit code of an error."""
    for kind, code in (
        (errors.StoreLocked, Exit.LOCKED),
        (errors.ModelError, Exit.MODEL),
        (errors.StoreError, Exit.STORE),
        (errors.SnapshotCorrupt, Exit.STORE),
        (errors.VocabularyCorrupt, Exit.STORE),
        (errors.VocabularyError, Exit.UNSOUND),
        (errors.NotFound, Exit.NOT_FOUND),
        (errors.BadQuestion, Exit.USAGE),
        (errors.BadFilter, Exit.USAGE),
        (errors.SettingsError, Exit.USAGE),
        (errors.PaperRefused, Exit.SOME_REFUSED),
        (errors.ImportRefused, Exit.UNSOUND),
        (errors.LabelsUnusable, Exit.UNSOUND),
        (errors.BadData, Exit.UNSOUND),
        (errors.EngineError, Exit.MODEL),
    ):
        if isinstance(error, kind):
            return code
    return Exit.ERROR
