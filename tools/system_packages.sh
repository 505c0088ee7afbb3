#!/usr/bin/env bash
# Sees to what only the system's package manager can bring.
# usage: system_packages.sh NEED...    NEED is one of the names in missing() below
# Installs with apt-get when that is allowed (root, or sudo without a password), else says what to install.
# PYTHON names the Python that must be able to make virtual environments and extension modules.
set -euo pipefail

python=${PYTHON:-python3}

has_header() {
  echo "#include <$1>" | c++ -x c++ -fsyntax-only - 2>/dev/null
}

links_fuzzer() {
  echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' |
    clang++ -fsanitize=fuzzer,address,undefined -x c++ - -o /dev/null 2>/dev/null
}

# Prints the Debian packages that would bring a need which is not met yet.
missing() {
  case $1 in
    compiler) echo 'int main() {}' | c++ -std=c++20 -x c++ -fsyntax-only - 2>/dev/null || echo g++ ;;
    python-venv) "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv ;;
    python-headers)
      "$python" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || echo python3-dev ;;
    gtest) { has_header gtest/gtest.h && has_header gmock/gmock.h; } || echo libgtest-dev libgmock-dev ;;
    # clang only recommends its runtime, and recommended packages are not installed below.
    fuzzer) links_fuzzer || echo clang libclang-rt-dev ;;
    openssl-headers) has_header openssl/ssl.h || echo libssl-dev ;;
    nginx) PATH=$PATH:/usr/sbin:/sbin command -v nginx >/dev/null || echo nginx-light ;;
    browser) command -v chromium google-chrome >/dev/null || echo chromium ;;
    *) echo "error: $0 does not know the need '$1'" >&2; exit 2 ;;
  esac
}

packages=()
for need in "$@"; do
  found=$(missing "$need")
  read -ra names <<<"$found"
  packages+=("${names[@]}")
done
[[ ${#packages[@]} -eq 0 ]] && exit 0

if [[ $(id -u) -eq 0 ]]; then
  as_root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  as_root=(sudo -n)
else
  as_root=(false)
fi
if [[ ${as_root[*]:-} == false ]] || ! command -v apt-get >/dev/null; then
  echo "error: these system packages are missing (Debian's names): ${packages[*]}" >&2
  echo "       install them and run make again, for example: sudo apt-get install ${packages[*]}" >&2
  exit 1
fi
echo "== installing system packages: ${packages[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
{
  "${as_root[@]}" apt-get update &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install --yes --no-install-recommends "${packages[@]}"
} </dev/null >"$log" 2>&1 || {
  cat "$log" >&2
  echo "error: apt-get could not install: ${packages[*]}" >&2
  exit 1
}
