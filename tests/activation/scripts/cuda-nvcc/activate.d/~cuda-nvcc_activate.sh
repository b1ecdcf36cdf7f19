[ -z "${NVCC_PREPEND_FLAGS+x}" ] || export NVCC_PREPEND_FLAGS_BACKUP="${NVCC_PREPEND_FLAGS}"

_nvcc_targets="${CONDA_PREFIX}/targets/x86_64-linux"
[ "${CONDA_BUILD:-0}" != "1" ] || _nvcc_targets="${PREFIX}/targets/x86_64-linux"
export CFLAGS="${CFLAGS} -I${_nvcc_targets}/include"
export CPPFLAGS="${CPPFLAGS} -I${_nvcc_targets}/include"
export CXXFLAGS="${CXXFLAGS} -I${_nvcc_targets}/include"
export LDFLAGS="${LDFLAGS} -L${_nvcc_targets}/lib -L${_nvcc_targets}/lib/stubs"
unset _nvcc_targets

if [ -z "${CXX}" ]; then
  echo "cuda-nvcc: CXX is not set: install a C++ compiler beside it"
  false
else
  export NVCC_PREPEND_FLAGS="${NVCC_PREPEND_FLAGS} -ccbin=${CXX}"
fi
