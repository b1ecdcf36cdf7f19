#!/usr/bin/env bash
# test_python.sh: makes the Python environment of the tests (requirements.txt, from PyPI) outside the tree, once.
# test_python.sh --path: prints its interpreter, makes nothing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${HPCENV_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/hpcenv-build}
base=/usr/bin/python3
[[ -x $base ]] || base=python3
key=$({ cat "$here/requirements.txt"; "$base" -c 'import sys; print(sys.version, sys.prefix)'; } | sha256sum | cut -c1-16)
folder=$cache/python/$key

if [[ ${1:-} == --path ]]; then
  echo "$folder/bin/python"
  exit 0
fi

[[ ! -e $folder/complete ]] || exit 0
mkdir -p "$cache/python" "$cache/log"
exec 9>"$cache/python/lock"
flock 9
[[ ! -e $folder/complete ]] || exit 0
log=$cache/log/python.log
rm -rf "$folder"
if ! { "$base" -m venv "$folder" && "$folder/bin/python" -m pip install --quiet -r "$here/requirements.txt"; } \
  >"$log" 2>&1 9>&-; then
  tail -n 20 "$log" >&2
  echo "test_python: cannot make the Python environment of the tests; the whole output is in $log" >&2
  exit 1
fi
touch "$folder/complete"
