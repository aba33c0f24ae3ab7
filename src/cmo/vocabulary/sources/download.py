"""The files of a vocabulary from its project, by plain HTTPS. What comes is judged by its reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx

from cmo.errors import VocabularyError
from cmo.vocabulary.sources.catalog import Source

_TIMEOUT_SECONDS = 60.0


def fetch(source: Source, folder: Path, progress: Callable[[str, int], None]) -> None:
    """Download a vocabulary's files into a folder.

    Args:
        source: whose files.
        folder: exists.
        progress: told what is being downloaded, and how many bytes of it came.

    Raises:
        VocabularyError: they have no lasting address, or could not be had; the message says where a person finds them.
    """
    if not source.urls:
        raise VocabularyError(
            f"{source.title} has no lasting address to download from. Get {' or '.join(source.files)} from "
            f"{source.page}, and run `cmo vocab install {source.name} --from FOLDER`."
        )

    with httpx.Client(follow_redirects=True, timeout=_TIMEOUT_SECONDS) as client:
        for url in source.urls:
            try:
                _stream(client, url, folder, progress)
            except httpx.HTTPError as error:
                raise VocabularyError(
                    f"{url} cannot be downloaded: {error}. Check the network, or get the files from {source.page} "
                    f"and run `cmo vocab install {source.name} --from FOLDER`."
                ) from error


def _stream(client: httpx.Client, url: str, folder: Path, progress: Callable[[str, int], None]) -> None:
    name = url.rsplit("/", 1)[-1]
    with client.stream("GET", url) as reply, (folder / name).open("wb") as file:
        reply.raise_for_status()
        for part in reply.iter_bytes():
            file.write(part)
            progress(f"downloading {name}", reply.num_bytes_downloaded)
