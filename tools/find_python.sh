#!/usr/bin/env bash
# Prints a Python this project supports: $1 when given, else the first that fits on PATH.
set -euo pipefail

fits() {
  "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

for candidate in ${1:-python3 python python3.13 python3.12 python3.11 python3.10}; do
  if fits "$candidate"; then
    "$candidate" -c "import sys; print(sys.executable)"
    exit 0
  fi
done
echo "error: no Python 3.10 to 3.13 found${1:+ as $1}; name one: make PYTHON=/path/to/python3" >&2
exit 1
