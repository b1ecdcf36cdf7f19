if [ -n "${PROJ_DATA:-}" ]; then
  export _CONDA_SET_PROJ_DATA_OLD="${PROJ_DATA}"
fi
export PROJ_DATA="${CONDA_PREFIX}/share/proj"
if [ -f "${CONDA_PREFIX}/share/proj/copyright_and_licenses.csv" ]; then
  # All grids are on this disk.
  export PROJ_NETWORK="OFF"
else
  export PROJ_NETWORK="ON"
fi
