# shellcheck shell=sh
# The C++ compiler of this environment.
export CONDA_BACKUP_CXX="${CXX:-}" CONDA_BACKUP_GXX="${GXX:-}" CONDA_BACKUP_CXXFLAGS="${CXXFLAGS:-}"
export CXX="${CONDA_PREFIX}/bin/x86_64-conda-linux-gnu-c++" GXX="${CONDA_PREFIX}/bin/x86_64-conda-linux-gnu-g++"
# shellcheck disable=SC2153 # CFLAGS is set by the C compiler's script, which sorts before
export CXXFLAGS="-fvisibility-inlines-hidden -fmessage-length=0 ${CFLAGS}"
