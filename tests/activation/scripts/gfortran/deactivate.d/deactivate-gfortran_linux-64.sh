for _gf_name in FC F77 F90 F95 GFORTRAN FFLAGS FORTRANFLAGS DEBUG_FFLAGS DEBUG_FORTRANFLAGS; do
  _gf_backup="CONDA_BACKUP_${_gf_name}"
  if [ -n "${!_gf_backup}" ]; then
    export "${_gf_name}=${!_gf_backup}"
    unset "${_gf_backup}"
  else
    unset "${_gf_name}"
  fi
done
unset _gf_name _gf_backup
