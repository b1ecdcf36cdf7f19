# shellcheck shell=sh
# The C compiler of this environment and the flags that make it see the environment's headers and libraries.
_gcc_keep() {
  eval "export CONDA_BACKUP_$1=\${$1:-}"
  eval "export $1=\$2"
}
_gcc_keep CC "${CONDA_PREFIX}/bin/x86_64-conda-linux-gnu-cc"
_gcc_keep GCC "${CONDA_PREFIX}/bin/x86_64-conda-linux-gnu-gcc"
_gcc_keep CPP "${CONDA_PREFIX}/bin/x86_64-conda-linux-gnu-cpp"
_gcc_keep HOST x86_64-conda-linux-gnu
_gcc_keep CONDA_TOOLCHAIN_HOST x86_64-conda-linux-gnu
_gcc_keep CONDA_BUILD_SYSROOT "${CONDA_PREFIX}/x86_64-conda-linux-gnu/sysroot"
_gcc_keep CPPFLAGS "-DNDEBUG -D_FORTIFY_SOURCE=2 -O2 -isystem ${CONDA_PREFIX}/include"
_gcc_keep CFLAGS "-march=nocona -mtune=haswell -ftree-vectorize -fPIC -O2 -pipe -isystem ${CONDA_PREFIX}/include"
_gcc_keep LDFLAGS "-Wl,-O2 -Wl,--as-needed -Wl,-z,relro -Wl,-rpath,${CONDA_PREFIX}/lib -L${CONDA_PREFIX}/lib"
unset -f _gcc_keep
