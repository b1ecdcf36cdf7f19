if [ -n "${ROOTSYS}" ]; then
    export CONDA_BACKUP_ROOTSYS="${ROOTSYS}"
fi
export ROOTSYS="${CONDA_PREFIX}"
export CLING_STANDARD_PCH="none"
