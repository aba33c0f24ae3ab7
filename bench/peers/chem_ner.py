"""Chemical names by en-chem-ner: texts as JSON lines on stdin, the spans of each as a JSON line on stdout."""

import json
import sys
import time

import en_chem_ner


def main() -> None:
    """Read all, then tell how long the model took."""
    model = en_chem_ner.load()
    texts = [json.loads(line) for line in sys.stdin]
    model(texts[0])
    began = time.perf_counter()
    for text in texts:
        print(json.dumps([(e.start_char, e.end_char, e.label_) for e in model(text).ents]))
    print(json.dumps(len(texts) / (time.perf_counter() - began)))


if __name__ == "__main__":
    main()
