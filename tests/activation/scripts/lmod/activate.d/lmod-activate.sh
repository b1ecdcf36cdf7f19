export LMOD_ROOT="${CONDA_PREFIX}/lmod"
. "${LMOD_ROOT}/lmod/init/profile"
