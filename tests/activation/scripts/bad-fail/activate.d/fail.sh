export FAILING="before${NOBODY_SETS_THIS_NAME}"
cat "$CONDA_PREFIX/share/missing-file" >/dev/null 2>&1
export AFTER_FAILURE=after
false
