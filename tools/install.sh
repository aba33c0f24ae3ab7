#!/bin/sh
# Install a lock file into .venv, or another folder: by uv when it can be had, else by pip.
# Usage: install.sh PYTHON LOCKFILE [FOLDER]
set -eu
python=$1 lock=$2 venv=${3:-.venv}
if [ ! -x "$venv/bin/python" ]; then
  if ! "$python" -m venv "$venv"; then
    echo "Python's venv module is missing. On Debian: apt-get install python3-venv" >&2
    exit 1
  fi
fi
"$venv/bin/python" - <<'PY'
import sys
if sys.version_info < (3, 11):
    sys.exit(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}. Try: make PYTHON=python3.11 ...")
PY
uv=$venv/bin/uv
if [ ! -x "$uv" ] && [ -x .venv/bin/uv ]; then uv=.venv/bin/uv; fi
[ -x "$uv" ] || "$venv/bin/python" -m pip install --quiet --disable-pip-version-check uv || true
echo "Installing into $venv, once; it may take some minutes on a slow network ..." >&2
if [ -x "$uv" ]; then
  "$uv" pip install --quiet --python "$venv/bin/python" --require-hashes -r "$lock"
  "$uv" pip install --quiet --python "$venv/bin/python" --no-deps -e .
else
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -e .
fi
