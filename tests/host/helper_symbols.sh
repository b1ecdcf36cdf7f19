#!/usr/bin/env bash
# helper_symbols.sh PROBE: the libcuda helper needs no symbol newer than the first glibc of its architecture, nothing but
# libc and libdl, and is small.
set -euo pipefail

probe=$1
case $(uname -m) in
  x86_64) allowed='GLIBC_2\.2\.5' limit=20480 ;;
  aarch64) allowed='GLIBC_2\.17' limit=81920 ;; # segments are padded to pages of 64 KiB
  *) echo "helper_symbols: no rule for $(uname -m)" >&2; exit 1 ;;
esac

symbols=$(objdump -T "$probe" | grep '\*UND\*')
[[ $(wc -l <<<"$symbols") -ge 9 ]] || { echo "too few symbols to be the helper: $symbols" >&2; exit 1; }
if grep -Ev "\($allowed\)" <<<"$symbols"; then
  echo "helper_symbols: the symbols above need a newer glibc than $allowed" >&2
  exit 1
fi
needed=$(objdump -p "$probe" | awk '$1 == "NEEDED" {print $2}' | sort | tr '\n' ' ')
[[ $needed == "libc.so.6 libdl.so.2 " ]] || { echo "helper_symbols: it needs $needed" >&2; exit 1; }
size=$(stat -c %s "$probe")
[[ $size -le $limit ]] || { echo "helper_symbols: $size bytes, more than $limit" >&2; exit 1; }
echo "$size bytes, $needed"
