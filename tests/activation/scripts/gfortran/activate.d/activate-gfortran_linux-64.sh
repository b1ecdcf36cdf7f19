_gf_flags="-march=nocona -O2 -isystem ${CONDA_PREFIX}/include"
[ "${CONDA_BUILD:-0}" = "1" ] && _gf_flags="-march=nocona -O2 -isystem ${PREFIX}/include"
for _gf_pair in \
  "FC ${CONDA_PREFIX}/bin/x86_64-conda-linux-gnu-gfortran" \
  "F77 ${CONDA_PREFIX}/bin/x86_64-conda-linux-gnu-gfortran" \
  "F90 ${CONDA_PREFIX}/bin/x86_64-conda-linux-gnu-gfortran" \
  "F95 ${CONDA_PREFIX}/bin/x86_64-conda-linux-gnu-f95" \
  "GFORTRAN ${CONDA_PREFIX}/bin/x86_64-conda-linux-gnu-gfortran" \
  "FFLAGS +${_gf_flags}" \
  "FORTRANFLAGS +${_gf_flags}" \
  "DEBUG_FFLAGS +${_gf_flags} -Og -g -fcheck=all" \
  "DEBUG_FORTRANFLAGS +${_gf_flags} -Og -g -fcheck=all"; do
  _gf_name="${_gf_pair%% *}"
  _gf_value="${_gf_pair#* }"
  eval "_gf_older=\"\$${_gf_name}\""
  if [ -n "${_gf_older}" ]; then
    eval "export CONDA_BACKUP_${_gf_name}=\"${_gf_older}\""
    [ "${_gf_value#+}" = "${_gf_value}" ] || _gf_value="${_gf_value} ${_gf_older}"
  fi
  eval "export ${_gf_name}=\"${_gf_value#+}\""
done
unset _gf_pair _gf_name _gf_value _gf_older _gf_flags
