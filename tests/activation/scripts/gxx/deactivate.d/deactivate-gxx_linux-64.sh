for _gxx_name in CXX GXX CXXFLAGS DEBUG_CXXFLAGS; do
  eval "_gxx_older=\"\${CONDA_BACKUP_${_gxx_name}}\""
  if [ "${_gxx_older}" ]; then
    eval "export ${_gxx_name}=\"\${_gxx_older}\""
    unset "CONDA_BACKUP_${_gxx_name}"
  else
    unset "${_gxx_name}"
  fi
done
unset _gxx_name _gxx_older
