unset CMDSTAN cmdstan_from_conda
if [ -n "${CMDSTAN_OLD}" ]; then export CMDSTAN="${CMDSTAN_OLD}"; unset CMDSTAN_OLD; fi
