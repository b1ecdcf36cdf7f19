export BEFORE_EXIT=1
if [ ! -f "$CONDA_PREFIX/share/licence" ]; then
  echo "there is no licence" >&2
  exit 3
fi
export AFTER_EXIT=1
