"""bm25s with its defaults, an English Snowball stemmer and its English stop words."""

import time

import bm25s
import Stemmer
from job import Job, asked, main


def work(job: Job) -> dict:
    """Index and ask."""
    documents = job.texts("documents")
    names = list(documents)
    stemmer = Stemmer.Stemmer("english")

    def tokens(texts: list[str]):  # noqa: ANN202
        return bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False)

    began = time.perf_counter()
    index = bm25s.BM25()
    index.index(tokens(list(documents.values())), show_progress=False)
    seconds = time.perf_counter() - began

    def search(text: str) -> list[str]:
        rows, scores = index.retrieve(tokens([text]), k=min(job["depth"] or 10, len(names)), show_progress=False)
        return [names[row] for row, score in zip(rows[0], scores[0], strict=True) if score > 0]

    return asked(job.texts("queries"), search) | {"index_seconds": seconds}


if __name__ == "__main__":
    main(work, "bm25s", "PyStemmer")
