rm -rf "$HOME/cache-of-mine" "$CONDA_PREFIX/share/bad-delete/stale"
export SWEPT=1
