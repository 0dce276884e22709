#!/usr/bin/env bash
# Makes .venv, the Python tools of `make lint` and `make test`, when it is not there or its requirements have changed.
set -euo pipefail
cd "$(dirname "$0")/.."

requirements=scripts/requirements.txt
if cmp -s "$requirements" .venv/requirements.txt && .venv/bin/python -c '' 2>/dev/null; then
    exit 0
fi
echo "venv: installing the Python tools into .venv"
python3 -m venv --clear .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
cp "$requirements" .venv/requirements.txt
