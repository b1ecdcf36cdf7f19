unset STACKVANA_ACTIVATED LSST_HOME LSST_DM_TAG
for _sv_name in LSST_HOME LSST_DM_TAG; do
  _sv_backup="STACKVANA_BACKUP_${_sv_name}"
  [[ ! ${!_sv_backup} ]] || export "${_sv_name}=${!_sv_backup}"
  unset "${_sv_backup}"
done
unset _sv_name _sv_backup
