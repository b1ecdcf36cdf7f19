export BEFORE_HANGING=1
while ! [ -e "$CONDA_PREFIX/answer" ]; do sleep 1; done
export AFTER_HANGING=1
