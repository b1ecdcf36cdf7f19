for _jl_name in JULIA_DEPOT_PATH JULIA_PROJECT JULIA_LOAD_PATH JULIA_SSL_CA_ROOTS_PATH CONDA_JL_HOME CONDA_JL_CONDA_EXE JULIA_CONDAPKG_BACKEND; do
  unset "${_jl_name}"
  _jl_backup="_CONDA_BACKUP_${_jl_name}"
  if [ -n "${!_jl_backup+x}" ]; then
    export "${_jl_name}=${!_jl_backup}"
    unset "${_jl_backup}"
  fi
done
unset _jl_name _jl_backup
