"""Our encoder behind OpenAI's protocol, for a peer that asks for its vectors over HTTP: ``python -m cmo.bench.embeddings PORT``.

It encodes a question as we encode one, in 8 bits, so that the rest is what differs.
"""

from __future__ import annotations

import base64
import sys
from typing import Any

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from cmo.app import App
from cmo.settings import read_settings


def served(house: App) -> Starlette:
    """`POST /v1/embeddings`, and `GET /` for whoever waits for it."""
    encoder = house.encoder

    async def embeddings(request: Request) -> JSONResponse:
        asked: dict[str, Any] = await request.json()
        texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
        vectors = await run_in_threadpool(lambda: [encoder.encode_query(text) for text in texts])
        packed = asked.get("encoding_format") == "base64"
        rows = [{"object": "embedding", "index": n, "embedding": _told(v, packed)} for n, v in enumerate(vectors)]
        usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
        return JSONResponse({"object": "list", "model": asked.get("model", ""), "data": rows, "usage": usage})

    async def there(_: Request) -> JSONResponse:
        return JSONResponse({"dimension": len(encoder.encode_query("there"))})

    return Starlette(routes=[Route("/v1/embeddings", embeddings, methods=["POST"]), Route("/", there)])


def _told(vector: Any, packed: bool) -> str | list[float]:
    row = np.asarray(vector, np.float32)
    told: list[float] = row.tolist()
    return base64.b64encode(row.tobytes()).decode() if packed else told


def main() -> None:
    """Serve until told to end."""
    uvicorn.run(served(App(read_settings())), host="127.0.0.1", port=int(sys.argv[1]), log_level="error")


if __name__ == "__main__":
    main()
