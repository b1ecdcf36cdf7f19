if [ -z "${XTBHOME}" ]; then
  export _CONDA_SET_XTBHOME="${XTBHOME}"
fi
export XTBHOME="${CONDA_PREFIX}/share/xtb"
export XTBPATH="${CONDA_PREFIX}/share/xtb:${XTBPATH}"
