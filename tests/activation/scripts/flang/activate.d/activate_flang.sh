if [ "${CONDA_BUILD:-0}" = "1" ] && [ -z "${FLANG_IN_BUILD}" ]; then
  echo "flang: this compiler is not for conda-build" >&2
  exit 1
fi
export FC="${CONDA_PREFIX}/bin/flang-new"
