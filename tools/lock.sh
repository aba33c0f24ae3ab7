#!/bin/sh
# Resolve the dependencies into lock files with hashes and without index addresses.
set -eu
compile() {
  .venv/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
    --python-version 3.11 pyproject.toml "$@"
}
compile -o requirements.lock
compile --extra dev -o requirements-dev.lock
compile --extra chat -o requirements-chat.lock
