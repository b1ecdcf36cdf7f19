for _bu_name in ADDR2LINE AR AS LD LD_GOLD NM OBJCOPY OBJDUMP RANLIB READELF SIZE STRIP; do
  eval "_bu_older=\"\${CONDA_BACKUP_${_bu_name}}\""
  if [ -n "${_bu_older}" ]; then
    eval "export ${_bu_name}=\"\${_bu_older}\"; unset CONDA_BACKUP_${_bu_name}"
  else
    eval "unset ${_bu_name}"
  fi
done
unset _bu_name _bu_older
unset -f _bu_each
