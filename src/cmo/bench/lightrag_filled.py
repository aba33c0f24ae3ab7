"""Fills the stores that LightRAG's naive mode reads, with texts and vectors that were made before.

Run by LightRAG's own Python, so it needs LightRAG and numpy and nothing of ours: ``python lightrag_filled.py FOLDER``,
where FOLDER holds ``documents.jsonl`` (id, text) and ``vectors.npy``; its stores come into ``FOLDER/stores``. No entities
are extracted: naive mode reads none.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from lightrag import LightRAG
from lightrag.utils import EmbeddingFunc


async def _no_model(*_: object, **__: object) -> str:
    raise AssertionError("nothing is read by a language model here")


async def fill(folder: Path) -> None:
    """Put everything in, as the server will read it."""
    texts = dict(json.loads(line) for line in (folder / "documents.jsonl").read_text("utf-8").splitlines())
    vectors = np.load(folder / "vectors.npy")
    known = dict(zip(texts.values(), vectors, strict=True))

    async def embed(wanted: list[str], **_: object) -> Any:
        return np.stack([known[text] for text in wanted])

    rag = LightRAG(
        working_dir=str(folder / "stores"),
        llm_model_func=_no_model,
        embedding_func=EmbeddingFunc(embedding_dim=vectors.shape[1], func=embed, model_name="minilm"),
        embedding_batch_num=128,
    )
    await rag.initialize_storages()
    chunks: dict[str, Any] = {
        name: {"content": text, "full_doc_id": name, "file_path": name, "tokens": 0, "chunk_order_index": 0}
        for name, text in texts.items()
    }
    for store in (rag.chunks_vdb, rag.text_chunks):
        await store.upsert(chunks)
        await store.index_done_callback()


if __name__ == "__main__":
    asyncio.run(fill(Path(sys.argv[1])))
    (Path(sys.argv[1]) / "filled").touch()
