cmdstan_from_conda=yes
if [ -n "${CMDSTAN}" ]; then CMDSTAN_OLD="${CMDSTAN}"; export CMDSTAN_OLD; fi
CMDSTAN="${CONDA_PREFIX}/bin/cmdstan"
export CMDSTAN
