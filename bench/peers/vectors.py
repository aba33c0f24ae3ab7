"""Plain MiniLM: every document's vector in one float32 matrix, every question against all of it."""

import time

import numpy as np
from job import Job, asked, main


def work(job: Job) -> dict:
    """Index and ask."""
    documents, encoder = job.texts("documents"), job.encoder()
    names, matrix, seconds = list(documents), job.vectors(), None
    if matrix is None:
        began = time.perf_counter()
        matrix = encoder.encode(list(documents.values()))
        seconds = time.perf_counter() - began

    def search(text: str) -> list[str]:
        scores = matrix @ encoder.encode([text])[0]
        return [names[n] for n in np.argsort(-scores)[: job["depth"] or 10]]

    return asked(job.texts("queries"), search) | {"index_seconds": seconds}


if __name__ == "__main__":
    main(work, "numpy", "onnxruntime")
