export TESSDATA_PREFIX="$CONDA_PREFIX/share/tessdata/"
