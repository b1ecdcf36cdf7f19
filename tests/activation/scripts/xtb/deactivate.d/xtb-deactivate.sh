unset XTBHOME
if [ -n "${_CONDA_SET_XTBHOME}" ]; then
  export XTBHOME="${_CONDA_SET_XTBHOME}"
fi
unset _CONDA_SET_XTBHOME
export XTBPATH="${XTBPATH#"${CONDA_PREFIX}/share/xtb:"}"
