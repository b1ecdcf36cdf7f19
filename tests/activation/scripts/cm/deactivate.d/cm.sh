rmdir "$TMPDIR"
if [ -n "$CM_BACKUP_TMPDIR" ]; then export TMPDIR="$CM_BACKUP_TMPDIR"; unset CM_BACKUP_TMPDIR; else unset TMPDIR; fi
