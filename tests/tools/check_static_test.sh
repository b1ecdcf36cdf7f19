#!/usr/bin/env bash
# check_static.sh passes a static stripped program and fails for each thing that must not be.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo 'int main() { return 0; }' >"$work/main.c"
cc -static -s -o "$work/good" "$work/main.c"
cc -static -o "$work/unstripped" "$work/main.c"
cc -s -o "$work/dynamic" "$work/main.c"

expect_failure() {
  local message=$1
  shift
  if output=$("$here/check_static.sh" "$@" 2>&1); then
    echo "check_static.sh $* passed; '$message' was expected" >&2
    exit 1
  fi
  [[ $output == *"$message"* ]] || { echo "check_static.sh $* said '$output', not '$message'" >&2; exit 1; }
}

"$here/check_static.sh" "$work/good"
expect_failure "is not stripped" "$work/unstripped"
expect_failure "has an ELF interpreter" "$work/dynamic"
expect_failure "needs shared libraries" "$work/dynamic"
expect_failure "too many" "$work/good" 1000
expect_failure "is no ELF program" "$work/main.c"
