"""An incident's bundle: what somebody who was not there needs to see, in one file, without what nobody may see.

::

    parts  --made, each bounded; one that fails tells why-->  cleaned of secrets  -->  ZIP with a manifest (SHA-256)

Secrets go twice: by name, wherever they are known, and by look, for those that are not.
"""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import orjson

from cmo.errors import OracleError

MASK: Final = "********"
PART_BYTES: Final = 2_000_000
"""Of one part; of a log its end is kept."""
MOST_BYTES: Final = 20_000_000
"""Of all of them, before they are compressed."""
_SHORTEST: Final = 4
"""Characters of a secret that is taken out wherever it stands: a shorter one is part of too many words."""
_NAMED = r"(?:[\w-]{0,40}(?:password|passwd|secret|token|api[_-]?key|authorization|cookie|private[_-]?key)[\w-]{0,40})"
_LOOKS: Final = tuple(
    (re.compile(pattern), into)
    for pattern, into in (
        (r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", MASK),
        (r"\A[A-Za-z0-9+/=\s]*-----END [A-Z ]*PRIVATE KEY-----", MASK),  # the beginning was cut off
        (r"(?P<a>\b[a-zA-Z][\w+.-]{0,20}://)[^@/\s\"']{1,500}@", rf"\g<a>{MASK}@"),
        (r"(?i)(?P<a>\b(?:bearer|basic)\s+)[\w.~+/=-]{6,}", rf"\g<a>{MASK}"),
        (
            r"(?i)(?P<a>[?&](?:[^=&\s\"]{0,40}(?:password|passwd|secret|token|key|sig)[^=&\s\"]{0,40})=)[^&\s\"]+",
            rf"\g<a>{MASK}",
        ),
        (rf"(?i)(?P<a>\"{_NAMED}\"\s*:\s*\")(?:[^\"\\]|\\.)+", rf"\g<a>{MASK}"),
        (rf"(?i)(?P<a>(?<![\w\"]){_NAMED}\s*[:=]\s*)(?!\s)(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s,;\"'&]+)", rf"\g<a>{MASK}"),
        (r"(?P<a>/services/)[\w/-]{6,}", rf"\g<a>{MASK}"),
        (r"(?P<a>\bcmo_[0-9a-f]{12}_)[\w-]{20,}", rf"\g<a>{MASK}"),
        (r"\b(?:sk|pk|rk|pplx|ghp|gho|ghs|glpat|xox[abprs]|hf)[-_](?:[A-Za-z]{2,8}[-_])?[A-Za-z0-9_-]{16,}", MASK),
        (r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", MASK),
        (r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", MASK),
        (r"\b(?P<a>[\w.+-])[\w.+-]{0,64}@(?P<b>[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})\b", r"\g<a>…@\g<b>"),
    )
)
"""What is counted stays bounded, so that no line that somebody made up holds it up. Keys in PEM, passwords in addresses, headers, fields and variables by their names, known makers' keys, JSON web
tokens, and the people behind addresses of e-mail."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the bundle."""

    name: str
    make: Callable[[], Any]
    """Text, or plain values that become JSON."""


@dataclass(frozen=True, slots=True)
class Packed:
    """One file that was written."""

    name: str
    size: int
    sha256: str
    cut: bool
    """Whether there was more of it."""
    failed: str = ""
    """Why it could not be made; it then says so itself."""


class Cleaner:
    """Takes secrets out of texts.

    Args:
        secrets: those that are known; they go in whatever spelling they stand.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {spelled for secret in secrets if len(secret) >= _SHORTEST for spelled in _spellings(secret)}
        words = sorted(known, key=len, reverse=True)  # the longest first: one may be part of another
        self._known = re.compile("|".join(map(re.escape, words))) if words else None

    def clean(self, text: str) -> str:
        """The text without them."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for look, into in _LOOKS:
            text = look.sub(into, text)
        return text


def collect(
    parts: Sequence[Part],
    target: Path,
    cleaner: Cleaner,
    at: datetime,
    *,
    part_bytes: int = PART_BYTES,
    most_bytes: int = MOST_BYTES,
    heard: Callable[[Packed], None] = lambda _packed: None,
) -> list[Packed]:
    """Write the bundle, for its owner alone; what is there already under this name is replaced.

    Raises:
        OSError: the file cannot be written.
    """
    staged = target.with_name(f".{target.name}.{os.getpid()}")
    packed: list[Packed] = []
    left = most_bytes
    try:
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
            for part in parts:
                text, failed = _made(part)
                data, cut = _bounded(cleaner.clean(text).encode("utf-8", "replace"), min(part_bytes, left))
                left -= len(data)
                bundle.writestr(part.name, data)
                packed.append(
                    Packed(part.name, len(data), hashlib.sha256(data).hexdigest(), cut, cleaner.clean(failed))
                )
                heard(packed[-1])
            bundle.writestr(
                "manifest.json", _json({"made_at": at.isoformat(), "files": [_told(one) for one in packed]})
            )
        staged.replace(target)
    finally:
        staged.unlink(missing_ok=True)
    return packed


def tail(path: Path, most: int = PART_BYTES) -> str:
    """The end of a file, from the beginning of a line."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - most))
        data = file.read(most)
    return (data if size <= most else data.partition(b"\n")[2]).decode("utf-8", "replace")


def _made(part: Part) -> tuple[str, str]:
    try:
        made = part.make()
        return (made if isinstance(made, str) else _json(made)), ""
    except OracleError as error:
        return f"{error}\n", str(error)
    except Exception as error:  # noqa: BLE001 - a bundle without one part is better than none
        said = f"{type(error).__name__}: {error}"
        return f"{said}\n", said


def _bounded(data: bytes, most: int) -> tuple[bytes, bool]:
    """Its end, where there is too much: what came last is what matters."""
    return (data, False) if len(data) <= most else (data[len(data) - most :], True)


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode() + "\n"


def _told(one: Packed) -> Mapping[str, Any]:
    told = {"name": one.name, "bytes": one.size, "sha256": one.sha256, "cut": one.cut}
    return {**told, "failed": one.failed} if one.failed else told


def _spellings(secret: str) -> set[str]:
    """As it is, in an address, in JSON, and in base 64 as a header has it."""
    inside = orjson.dumps(secret).decode()[1:-1]
    encoded = b64encode(secret.encode()).decode()
    return {secret, quote(secret, safe=""), quote(secret), inside, encoded, encoded.rstrip("=")}
