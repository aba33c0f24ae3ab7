"""LightRAG's naive mode: its own vector storage (NanoVectorDB) and `aquery_data`, which retrieves and calls no model.

Bypassed, all in its favour: the entity extraction of `ainsert` (naive mode reads none of it; chunks go straight into
the stores that naive mode reads), the answer's generation, and reranking. Kept: its limits on cosine, its locks, its
queues, its tokenizer, which counts the tokens of what was found. `embedding_batch_num` is raised from 10 to 128, as ours.
"""

import asyncio
import json
import logging
import time
from pathlib import Path

import numpy as np
from job import Job, asked, main
from lightrag import LightRAG, QueryParam
from lightrag.utils import EmbeddingFunc

_NO_LIMIT = 10_000_000


async def _no_model(*_: object, **__: object) -> str:
    raise AssertionError("naive retrieval calls no language model")


async def _opened(job: Job) -> LightRAG:
    encoder, vectors = job.encoder(), job.vectors()
    known = {} if vectors is None else dict(zip(job.texts("documents").values(), vectors, strict=True))

    async def embed(texts: list[str]) -> np.ndarray:
        if known and len(texts) > 1:
            return np.stack([known[text] for text in texts])
        return encoder.encode(list(texts))

    rag = LightRAG(
        working_dir=job["work"],
        llm_model_func=_no_model,
        embedding_func=EmbeddingFunc(embedding_dim=encoder.dimension, func=embed, model_name="minilm"),
        embedding_batch_num=128,
    )
    await rag.initialize_storages()
    return rag


async def _insert(rag: LightRAG, documents: dict[str, str]) -> float:
    began = time.perf_counter()
    chunks = {
        name: {"content": text, "full_doc_id": name, "file_path": name, "tokens": 0, "chunk_order_index": 0}
        for name, text in documents.items()
    }
    await rag.chunks_vdb.upsert(chunks)
    await rag.text_chunks.upsert(chunks)
    await rag.chunks_vdb.index_done_callback()
    await rag.text_chunks.index_done_callback()
    return time.perf_counter() - began


def work(job: Job) -> dict:
    """Index and ask."""
    loop = asyncio.new_event_loop()
    rag = loop.run_until_complete(_opened(job))
    done, seconds = Path(job["work"]) / "inserted.json", None
    if not done.exists():
        seconds = loop.run_until_complete(_insert(rag, job.texts("documents")))
        done.write_text(json.dumps(seconds), "utf-8")
    depth = {"chunk_top_k": job["depth"], "max_total_tokens": _NO_LIMIT} if job["depth"] else {}
    param = QueryParam(mode="naive", enable_rerank=False, **depth)

    def search(text: str) -> list[str]:
        found = loop.run_until_complete(rag.aquery_data(text, param))
        return [chunk["file_path"] for chunk in found["data"].get("chunks", [])]

    return asked(job.texts("queries"), search) | {"index_seconds": seconds}


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    main(work, "lightrag-hku", "nano-vectordb")
