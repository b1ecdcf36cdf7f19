for _jl_name in JULIA_DEPOT_PATH JULIA_PROJECT JULIA_LOAD_PATH JULIA_SSL_CA_ROOTS_PATH CONDA_JL_HOME CONDA_JL_CONDA_EXE JULIA_CONDAPKG_BACKEND; do
  if [ -n "${!_jl_name+x}" ]; then
    export "_CONDA_BACKUP_${_jl_name}=${!_jl_name}"
  fi
done
unset _jl_name
export JULIA_DEPOT_PATH="${CONDA_PREFIX}/share/julia:${JULIA_DEPOT_PATH}"
# The name of the environment, without the folders of one that has none.
export JULIA_PROJECT="@${CONDA_DEFAULT_ENV##*/}"
export JULIA_LOAD_PATH="@:${JULIA_PROJECT}:@stdlib"
export JULIA_SSL_CA_ROOTS_PATH="${CONDA_PREFIX}/ssl/cacert.pem"
export CONDA_JL_HOME="${CONDA_PREFIX}"
export JULIA_CONDAPKG_BACKEND=Null
if [ -n "${CONDA_EXE}" ]; then
  export CONDA_JL_CONDA_EXE="${CONDA_EXE}"
fi
