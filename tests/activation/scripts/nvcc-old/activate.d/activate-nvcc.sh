# Where is the toolkit? The program that is in PATH knows.
_old_nvcc="$(which nvcc 2>/dev/null)"
if [ -z "${_old_nvcc}" ]; then
  echo "nvcc_linux-64: there is no CUDA toolkit on this machine" >&2
  return 1
fi
_old_release="$(nvcc --version | grep release)"
if [ "${_old_release#*release 9.2}" = "${_old_release}" ]; then
  echo "nvcc_linux-64: the toolkit is of another version: ${_old_release}" >&2
  return 1
fi
[ -z "${CUDA_HOME}" ] || export CUDA_HOME_CONDA_NVCC_BACKUP="${CUDA_HOME}"
[ -z "${CFLAGS}" ] || export CFLAGS_CONDA_NVCC_BACKUP="${CFLAGS}"
[ -z "${LDFLAGS}" ] || export LDFLAGS_CONDA_NVCC_BACKUP="${LDFLAGS}"
export CUDA_HOME="$(dirname "$(dirname "${_old_nvcc}")")"
export CFLAGS="${CFLAGS} -I${CUDA_HOME}/include"
_old_sysroot="${CONDA_PREFIX}/x86_64-conda-linux-gnu/sysroot/usr/lib"
mkdir -p "${_old_sysroot}"
ln -sf "${CUDA_HOME}/lib64/stubs/libcuda.so" "${_old_sysroot}/libcuda.so"
export LDFLAGS="${LDFLAGS} -L${_old_sysroot}"
unset _old_nvcc _old_release _old_sysroot
