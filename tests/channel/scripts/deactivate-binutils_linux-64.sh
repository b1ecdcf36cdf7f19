# shellcheck shell=sh
for _tool in AR AS LD NM OBJCOPY OBJDUMP RANLIB READELF SIZE STRINGS STRIP; do
  eval "_kept=\${CONDA_BACKUP_${_tool}:-}"
  if [ -n "$_kept" ]; then eval "export ${_tool}=\$_kept"; else unset "$_tool"; fi
  unset "CONDA_BACKUP_${_tool}"
done
unset _tool _kept
