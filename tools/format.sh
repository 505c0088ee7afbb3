#!/usr/bin/env bash
# Formats the C++ and Python sources, or with --check only says what is not formatted.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -d '' sources < <(find cpp tests bench \( -name '*.cc' -o -name '*.h' \) -print0 2>/dev/null)
if [[ ${1:-} == --check ]]; then
  clang-format --dry-run -Werror "${sources[@]}"
  echo "clang-format: ${#sources[@]} files are formatted"
  ruff format --check .
else
  clang-format -i "${sources[@]}"
  ruff check --fix-only --quiet .
  ruff format .
fi
