# shellcheck shell=sh
# Points nvcc to the environment's C++ compiler, and host compilers to the CUDA headers and libraries. The name sorts
# behind the compilers' own scripts, whose variables it reads without asking whether they are set.
if [ -z "${CXX}" ]; then
  echo "cuda-nvcc: no C++ compiler is active; install gxx_linux-64, or set CXX"
  return 1
fi
_cuda_target="${CONDA_PREFIX}/targets/x86_64-linux"
export CONDA_BACKUP_CUDA_CFLAGS="${CFLAGS}" CONDA_BACKUP_CUDA_CPPFLAGS="${CPPFLAGS}"
export CONDA_BACKUP_CUDA_CXXFLAGS="${CXXFLAGS}" CONDA_BACKUP_CUDA_LDFLAGS="${LDFLAGS}"
export CONDA_BACKUP_CUDA_NVCC_PREPEND_FLAGS="${NVCC_PREPEND_FLAGS}"
_cuda_include="-I${_cuda_target}/include -I${_cuda_target}/include/cccl"
export CFLAGS="${CFLAGS} ${_cuda_include}" CPPFLAGS="${CPPFLAGS} ${_cuda_include}"
export CXXFLAGS="${CXXFLAGS} ${_cuda_include}"
export LDFLAGS="${LDFLAGS} -L${_cuda_target}/lib -L${_cuda_target}/lib/stubs"
export NVCC_PREPEND_FLAGS="${NVCC_PREPEND_FLAGS} -ccbin=${CXX}"
unset _cuda_target _cuda_include
