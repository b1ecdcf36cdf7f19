for _clang_name in CFLAGS LDFLAGS CLANG; do
  _clang_backup="CONDA_BACKUP_$_clang_name"
  if [ -n "${!_clang_backup}" ]; then export "$_clang_name=${!_clang_backup}"; else unset "$_clang_name"; fi
done
[ "$CC" != "$CONDA_PREFIX/bin/x86_64-conda-linux-gnu-clang" ] || unset CC
[ "$CPP" != "$CONDA_PREFIX/bin/x86_64-conda-linux-gnu-clang-cpp" ] || unset CPP
[ "$CMAKE_PREFIX_PATH" != "$CONDA_PREFIX" ] || unset CMAKE_PREFIX_PATH
