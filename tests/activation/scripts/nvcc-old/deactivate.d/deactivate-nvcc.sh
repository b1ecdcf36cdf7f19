for _old_name in CUDA_HOME CFLAGS LDFLAGS; do
  _old_backup="${_old_name}_CONDA_NVCC_BACKUP"
  if [ -n "${!_old_backup}" ]; then
    export "${_old_name}=${!_old_backup}"
    unset "${_old_backup}"
  else
    unset "${_old_name}"
  fi
done
rm -f "${CONDA_PREFIX}/x86_64-conda-linux-gnu/sysroot/usr/lib/libcuda.so"
unset _old_name _old_backup
