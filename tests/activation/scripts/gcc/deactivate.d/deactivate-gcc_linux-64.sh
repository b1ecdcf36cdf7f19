function _gcc_return() {
  local name older
  for name in "$@"; do
    eval older="\"\$CONDA_BACKUP_${name}\""
    if [ -n "${older}" ]; then
      eval "export ${name}='${older}'"
      unset "CONDA_BACKUP_${name}"
    else
      unset "${name}"
    fi
  done
}
_gcc_return HOST BUILD CC GCC CPP CONDA_BUILD_SYSROOT CMAKE_ARGS CPPFLAGS CFLAGS LDFLAGS DEBUG_CFLAGS
case "${CMAKE_PREFIX_PATH}" in
  "${CONDA_PREFIX}":*sysroot/usr:*) export CMAKE_PREFIX_PATH="${CMAKE_PREFIX_PATH#*sysroot/usr:}" ;;
  *) unset CMAKE_PREFIX_PATH ;;
esac
