if [ -n "$CFLAGS" ]; then export CONDA_BACKUP_CFLAGS="$CFLAGS"; fi
if [ -n "$LDFLAGS" ]; then export CONDA_BACKUP_LDFLAGS="$LDFLAGS"; fi
if [ -n "$CLANG" ]; then export CONDA_BACKUP_CLANG="$CLANG"; fi
export CLANG="$CONDA_PREFIX/bin/x86_64-conda-linux-gnu-clang"
if [ -z "$CC" ]; then export CC="$CLANG"; fi
export CPP="${CPP:-$CONDA_PREFIX/bin/x86_64-conda-linux-gnu-clang-cpp}"
: "${CMAKE_PREFIX_PATH:=$CONDA_PREFIX}"
export CMAKE_PREFIX_PATH
if [ "$CONDA_BUILD" = 1 ]; then
  export CFLAGS="-ftree-vectorize -fPIC -isystem $PREFIX/include -fdebug-prefix-map=$SRC_DIR=/usr/src $CFLAGS"
else
  export CFLAGS="-ftree-vectorize -fPIC -isystem $CONDA_PREFIX/include${CFLAGS:+ $CFLAGS}"
fi
export LDFLAGS="-Wl,-rpath,$CONDA_PREFIX/lib${LDFLAGS:+ $LDFLAGS}"
