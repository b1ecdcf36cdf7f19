#! /usr/bin/env bash
# One build for each kind of processor: the best that this node can run.
_gmx_best() {
  local flags
  flags=" $(grep -m1 '^flags' /proc/cpuinfo | cut -d: -f2) "
  case "${flags}" in
    *" avx512f "*) echo AVX_512 ;;
    *" avx2 "*) echo AVX2_256 ;;
    *" avx "*) echo AVX_256 ;;
    *) echo SSE2 ;;
  esac
}
_gmx_simd="$(_gmx_best)"
for _gmx_try in "${_gmx_simd}" AVX2_256 AVX_256 SSE2; do
  if [ -r "${CONDA_PREFIX}/bin.${_gmx_try}/GMXRC" ]; then
    . "${CONDA_PREFIX}/bin.${_gmx_try}/GMXRC"
    break
  fi
done
unset _gmx_simd _gmx_try
unset -f _gmx_best
