if [ -z "${ZIG_GLOBAL_CACHE_DIR:-}" ]; then
  if [ -n "${XDG_DATA_HOME:-}" ]; then
    ZIG_GLOBAL_CACHE_DIR="${XDG_DATA_HOME}/zig"
  elif [ -n "${HOME:-}" ]; then
    ZIG_GLOBAL_CACHE_DIR="${HOME}/.cache/zig"
  else
    ZIG_GLOBAL_CACHE_DIR="${TMPDIR:-/tmp}/zig-cache"
  fi
  export ZIG_GLOBAL_CACHE_DIR
  export _CONDA_ZIG_SET_CACHE=1
fi
export ZIG_LOCAL_CACHE_DIR="${ZIG_LOCAL_CACHE_DIR:-${ZIG_GLOBAL_CACHE_DIR}/local}"
