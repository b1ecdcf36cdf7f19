# shellcheck shell=sh
for _name in CXX GXX CXXFLAGS; do
  eval "_kept=\${CONDA_BACKUP_${_name}:-}"
  if [ -n "$_kept" ]; then eval "export ${_name}=\$_kept"; else unset "$_name"; fi
  unset "CONDA_BACKUP_${_name}"
done
unset _name _kept
