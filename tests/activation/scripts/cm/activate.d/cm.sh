[ -z "$TMPDIR" ] || export CM_BACKUP_TMPDIR="$TMPDIR"
TMPDIR="$(mktemp -d -p "$HOME" --suffix=.cm-tmp)"
export TMPDIR
