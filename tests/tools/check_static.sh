#!/usr/bin/env bash
# check_static.sh PROGRAM [MAX_BYTES]: the program needs nothing of its host but a kernel (no ELF interpreter, no shared
# library), is stripped, and is not larger than MAX_BYTES.
set -euo pipefail

program=$1
max_bytes=${2:-$((12 * 1024 * 1024))}

if [[ ! -e $program ]]; then
  echo "SKIP: there is no release program at $program"
  exit 77
fi

failed=0
complain() { echo "$program: $*" >&2; failed=1; }

headers=$(LC_ALL=C readelf --wide --program-headers "$program" 2>&1 || true)
[[ $headers == *LOAD* ]] || complain "is no ELF program"
[[ $headers != *INTERP* ]] || complain "has an ELF interpreter; it is not static"
needed=$(LC_ALL=C readelf --wide --dynamic "$program" 2>/dev/null | grep NEEDED || true)
[[ -z $needed ]] || complain "needs shared libraries: $needed"
sections=$(LC_ALL=C readelf --wide --section-headers "$program" 2>/dev/null || true)
[[ $sections != *.symtab* && $sections != *.debug_info* ]] || complain "is not stripped"
size=$(stat -Lc %s "$program")
((size <= max_bytes)) || complain "has $size bytes; more than $max_bytes are too many"
exit "$failed"
