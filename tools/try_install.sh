#!/usr/bin/env bash
# Does what a newcomer does, in an environment of its own: `pip install .`, then import the package.
# usage: try_install.sh PYTHON...
set -euo pipefail
cd "$(dirname "$0")/.."

count=0
for python in "$@"; do
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  "$python" -m venv "$folder/venv"
  started=$SECONDS
  if ! PATH=$folder/venv/bin:$PATH "$folder/venv/bin/python" -m pip install --disable-pip-version-check . \
    >"$folder/log" 2>&1 </dev/null; then
    cat "$folder/log" >&2
    exit 1
  fi
  echo "pip install . with $("$python" --version): $((SECONDS - started)) s"
  (cd "$folder" && venv/bin/python -c 'import s3native; print("imported s3native", s3native.__version__)')
  rm -rf "$folder"
  count=$((count + 1))
done
echo "$count installations passed"
