"""Where the papers are kept, how they are read and what turns them into vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings


class BaseGroup(BaseSettings):
    """Where the papers are kept, how they are read and what turns them into vectors."""

    working_dir: Annotated[Path, Field(validation_alias=AliasChoices("CMO_HOME", "LIGHTRAG_WORKING_DIR"))] = Path(
        ".cmo"
    )
    """Where the knowledge base lives."""
    vocabularies_dir: Annotated[Path | None, Field(validation_alias=AliasChoices("CMO_VOCABULARIES_DIR"))] = None
    """Where vocabularies are installed, if not in the working directory; bases may share them, as the tenants of a service do."""
    database_url: Annotated[str, Field(validation_alias=AliasChoices("CMO_DATABASE_URL", "DATABASE_URL"))] = ""
    """Where the record is kept instead of the working directory, such as ``postgresql://user@host/cmo``; needs the extra `postgres`."""
    papers_dir: Annotated[Path | None, Field(validation_alias=AliasChoices("LIGHTRAG_PAPERS_DIR"))] = None
    """The folder that `cmo ingest` reads when none is named."""
    chunk_size: Annotated[int, Field(validation_alias=AliasChoices("CHUNK_SIZE"), ge=32, le=8192)] = 512
    """Longest passage in tokens of the encoder."""
    chunk_overlap: Annotated[int, Field(validation_alias=AliasChoices("CHUNK_OVERLAP"), ge=0, le=4096)] = 50
    """Tokens repeated from the end of one passage at the start of the next."""
    embed_model: Annotated[str, Field(validation_alias=AliasChoices("EMBED_MODEL"), min_length=1)] = "minilm"
    """`minilm`, a path to an ONNX export, a hub name, or the name of a model at `CMO_EMBED_URL`."""
    embed_url: Annotated[str, Field(validation_alias=AliasChoices("CMO_EMBED_URL"))] = ""
    """Base address of an OpenAI-compatible embedding endpoint, such as ``http://127.0.0.1:11434/v1``."""
    embed_api_key: Annotated[SecretStr, Field(validation_alias=AliasChoices("CMO_EMBED_API_KEY", "OPENAI_API_KEY"))] = (
        SecretStr("")
    )
    """Key for `CMO_EMBED_URL`, if it asks for one."""
    models_dir: Annotated[Path, Field(validation_alias=AliasChoices("CMO_MODELS_DIR"))] = Path("~/.cache/cmo/models")
    """Where models are installed; shared by all knowledge bases of a user."""
    use_gpu: Annotated[bool, Field(validation_alias=AliasChoices("CMO_USE_GPU"))] = True
    """Use CUDA where it is present."""
    threads: Annotated[int, Field(validation_alias=AliasChoices("CMO_THREADS"), ge=0, le=256)] = 0
    """Threads of the encoder; 0 means one for each core."""
    parse_seconds: Annotated[float, Field(validation_alias=AliasChoices("CMO_PARSE_SECONDS"), gt=0)] = 60.0
    """Longest time that reading one file may take."""
    parse_megabytes: Annotated[int, Field(validation_alias=AliasChoices("CMO_PARSE_MEGABYTES"), ge=256)] = 2048
    """Most memory that reading one file may take."""
    max_file_megabytes: Annotated[int, Field(validation_alias=AliasChoices("CMO_MAX_FILE_MEGABYTES"), ge=1)] = 200
    """Largest file that is read, and largest that can be uploaded."""
    keep_snapshots: Annotated[int, Field(validation_alias=AliasChoices("CMO_KEEP_SNAPSHOTS"), ge=1)] = 5
    """How many snapshots stay for rollback."""
