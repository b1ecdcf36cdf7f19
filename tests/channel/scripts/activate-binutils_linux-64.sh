# shellcheck shell=sh
# Names the binary tools of this environment for build systems; kept values come back in deactivate.d.
for _tool in AR AS LD NM OBJCOPY OBJDUMP RANLIB READELF SIZE STRINGS STRIP; do
  eval "export CONDA_BACKUP_${_tool}=\${${_tool}:-}"
  eval "export ${_tool}=${CONDA_PREFIX}/bin/x86_64-conda-linux-gnu-$(echo ${_tool} | tr '[:upper:]' '[:lower:]')"
done
unset _tool
