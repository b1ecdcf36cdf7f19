[ -z "$TMPDIR" ] || export CM_BACKUP_TMPDIR="$TMPDIR"
TMPDIR="$(mktemp -d "$HOME/cm-tmp.XXXXXX")"
export TMPDIR
