# shellcheck shell=sh
for _name in CFLAGS CPPFLAGS CXXFLAGS LDFLAGS NVCC_PREPEND_FLAGS; do
  eval "_kept=\${CONDA_BACKUP_CUDA_${_name}:-}"
  if [ -n "$_kept" ]; then eval "export ${_name}=\$_kept"; else unset "$_name"; fi
  unset "CONDA_BACKUP_CUDA_${_name}"
done
unset _name _kept
