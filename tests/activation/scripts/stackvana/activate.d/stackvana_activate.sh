if [[ ! ${STACKVANA_ACTIVATED} ]]; then
  export STACKVANA_ACTIVATED=1
  for _sv_name in LSST_HOME LSST_DM_TAG; do
    [[ ! ${!_sv_name} ]] || export "STACKVANA_BACKUP_${_sv_name}=${!_sv_name}"
  done
  unset _sv_name
  export LSST_HOME="${CONDA_PREFIX}/lsst_home"
  export LSST_DM_TAG="w_2026_01"
  export LSST_LIBRARY_PATH="${CONDA_PREFIX}/lib:${LSST_LIBRARY_PATH}"
fi
