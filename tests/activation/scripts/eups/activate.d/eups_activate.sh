if [ -n "$EUPS_DIR" ]; then
  export CONDA_EUPS_BACKUP_DIR="$EUPS_DIR" CONDA_EUPS_BACKUP_PATH="$EUPS_PATH"
fi
. "$CONDA_PREFIX/eups/bin/setups.sh"
