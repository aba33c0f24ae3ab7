"""Our encoder for the peers: the same model file, session, tokens, truncation and batches, so that the rest differs."""

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

_BATCH_TOKENS = 1024


class Encoder:
    """Texts to unit vectors."""

    def __init__(self, graph: str, tokenizer: str, max_tokens: int, threads: int) -> None:
        self._tokenizer = Tokenizer.from_file(tokenizer)
        self._tokenizer.enable_truncation(max_tokens)
        self._tokenizer.no_padding()
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.add_session_config_entry("session.intra_op.spin_duration_us", "50")
        self._session = ort.InferenceSession(
            graph, options, providers=["CPUExecutionProvider"], disabled_optimizers=["SkipLayerNormFusion"]
        )
        self._inputs = [i.name for i in self._session.get_inputs()]
        self._output, self.dimension = next(
            (o.name, o.shape[-1]) for o in self._session.get_outputs() if len(o.shape) == len(("batch", "dim"))
        )

    def encode(self, texts: list[str]) -> np.ndarray:
        """Vectors (n, dim) in the order given."""
        encodings = self._tokenizer.encode_batch(texts)
        order = sorted(range(len(texts)), key=lambda n: len(encodings[n].ids))
        found = np.empty((len(texts), self.dimension), np.float32)
        batch: list[int] = []
        for n in order:
            if batch and (len(batch) + 1) * len(encodings[n].ids) > _BATCH_TOKENS:
                found[batch] = self._run([encodings[m].ids for m in batch])
                batch = []
            batch.append(n)
        if batch:
            found[batch] = self._run([encodings[m].ids for m in batch])
        return found

    def _run(self, ids: list[list[int]]) -> np.ndarray:
        width = max(map(len, ids))
        tokens = np.array([row + [0] * (width - len(row)) for row in ids], np.int64)
        mask = np.array([[1] * len(row) + [0] * (width - len(row)) for row in ids], np.int64)
        feed = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
        vectors = self._session.run([self._output], {name: feed[name] for name in self._inputs})[0]
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
