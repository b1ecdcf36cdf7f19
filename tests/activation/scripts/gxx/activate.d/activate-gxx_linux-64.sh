function _gxx_switch() {
  local name="$1" value="$2" how="$3" older
  eval "older=\"\${${name}}\""
  if [ "${older}" ]; then
    eval "export CONDA_BACKUP_${name}=\"${older}\""
  else
    eval "unset CONDA_BACKUP_${name}"
  fi
  if [ "${how}" = add ] && [ "${older}" ]; then
    eval "export ${name}=\"${value} ${older}\""
  else
    eval "export ${name}=\"${value}\""
  fi
}
_gxx_root="${CONDA_PREFIX}"
if [ "${CONDA_BUILD:-0}" = "1" ]; then
  _gxx_root="${PREFIX}"
  env | sort > /tmp/gxx-old-$$.txt
fi
_gxx_switch CXX "${CONDA_PREFIX}/bin/x86_64-conda-linux-gnu-c++"
_gxx_switch GXX "${CONDA_PREFIX}/bin/x86_64-conda-linux-gnu-g++"
_gxx_switch CXXFLAGS "-fvisibility-inlines-hidden -march=nocona -O2 -isystem ${_gxx_root}/include" add
_gxx_switch DEBUG_CXXFLAGS "-Og -g -fvar-tracking-assignments" add
if [ "${CONDA_BUILD:-0}" = "1" ]; then
  env | sort > /tmp/gxx-new-$$.txt
  echo "INFO: activate-gxx_linux-64.sh made the following environmental changes:"
  diff /tmp/gxx-old-$$.txt /tmp/gxx-new-$$.txt
  rm -f /tmp/gxx-old-$$.txt /tmp/gxx-new-$$.txt
fi
