unset GOROOT
if [ -n "${CONDA_BACKUP_GOROOT}" ]; then
  export GOROOT="${CONDA_BACKUP_GOROOT}"
  unset CONDA_BACKUP_GOROOT
fi
