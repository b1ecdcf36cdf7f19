# Sets the tools of the C compiler. Words are NAME,VALUE; a value before which stands a "+" is put before what is there.

function _gcc_program() {
  local found
  found="$CONDA_PREFIX/bin/x86_64-conda-linux-gnu-$1"
  [ -x "$found" ] || echo "activate-gcc: $found is missing" >&2
  echo "$found"
}

function _gcc_switch() {
  local word name value older
  for word in "$@"; do
    name="${word%%,*}"
    value="${word#*,}"
    # The value as it is now, by a second reading of the line.
    eval older="\"\$${name}\""
    if [ -n "${older}" ]; then
      eval "export CONDA_BACKUP_${name}=\"${older}\""
    else
      eval "unset CONDA_BACKUP_${name}"
    fi
    case "$value" in
      +*) eval "export ${name}=\"${value#+}${older:+ ${older}}\"" ;;
      *) eval "export ${name}=\"${value}\"" ;;
    esac
  done
}

if [ "${CONDA_BUILD:-0}" = "1" ]; then
  if [ -f /tmp/old-env-$$.txt ]; then rm -f /tmp/old-env-$$.txt; fi
  env > /tmp/old-env-$$.txt
fi

_gcc_sysroot="${CONDA_PREFIX}/x86_64-conda-linux-gnu/sysroot"
_gcc_cflags="-march=nocona -O2 -ffunction-sections"
_gcc_ldflags="-Wl,-O2 -Wl,--as-needed"
if [ "${CONDA_BUILD:-0}" = "1" ]; then
  _gcc_cflags="${_gcc_cflags} -isystem ${PREFIX}/include -fdebug-prefix-map=${SRC_DIR}=/usr/local/src/conda/${PKG_NAME}-${PKG_VERSION}"
  _gcc_ldflags="${_gcc_ldflags} -Wl,-rpath,${PREFIX}/lib -L${PREFIX}/lib"
  _gcc_find="${PREFIX};${_gcc_sysroot}"
  _gcc_cmake_prefix="${PREFIX}:${_gcc_sysroot}/usr"
else
  _gcc_cflags="${_gcc_cflags} -isystem ${CONDA_PREFIX}/include"
  _gcc_ldflags="${_gcc_ldflags} -Wl,-rpath,${CONDA_PREFIX}/lib -L${CONDA_PREFIX}/lib"
  _gcc_find="${CONDA_PREFIX};${_gcc_sysroot}"
  _gcc_cmake_prefix="${CONDA_PREFIX}:${_gcc_sysroot}/usr"
fi
_gcc_cmake="-DCMAKE_LINKER=$(_gcc_program ld) -DCMAKE_STRIP=$(_gcc_program strip) -DCMAKE_FIND_ROOT_PATH=${_gcc_find}"

_gcc_switch \
  "HOST,x86_64-conda-linux-gnu" \
  "BUILD,x86_64-conda-linux-gnu" \
  "CC,$(_gcc_program cc)" \
  "GCC,$(_gcc_program gcc)" \
  "CPP,$(_gcc_program cpp)" \
  "CONDA_BUILD_SYSROOT,${CONDA_BUILD_SYSROOT:-${_gcc_sysroot}}" \
  "CMAKE_ARGS,${_gcc_cmake}" \
  "CPPFLAGS,+-DNDEBUG -D_FORTIFY_SOURCE=2" \
  "CFLAGS,+${_gcc_cflags}" \
  "LDFLAGS,+${_gcc_ldflags}" \
  "DEBUG_CFLAGS,+-Og -g -fvar-tracking-assignments"
export CMAKE_PREFIX_PATH="${_gcc_cmake_prefix}${CMAKE_PREFIX_PATH:+:${CMAKE_PREFIX_PATH}}"

if [ "${CONDA_BUILD:-0}" = "1" ]; then
  env > /tmp/new-env-$$.txt
  echo "INFO: activate-gcc_linux-64.sh made the following environmental changes:"
  diff -U 0 -rN /tmp/old-env-$$.txt /tmp/new-env-$$.txt | tail -n +4 | grep "^-.*\|^+.*" | grep -v "CONDA_BACKUP_" | sort
  rm -f /tmp/old-env-$$.txt /tmp/new-env-$$.txt
fi
unset _gcc_cflags _gcc_ldflags _gcc_find _gcc_cmake_prefix _gcc_cmake
