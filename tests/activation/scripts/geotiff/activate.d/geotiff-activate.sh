test -z "$GEOTIFF_CSV" || export _CONDA_SET_GEOTIFF_CSV="$GEOTIFF_CSV"
test ! -d "$CONDA_PREFIX/share/epsg_csv" || export GEOTIFF_CSV="$CONDA_PREFIX/share/epsg_csv"
test ! -d "$CONDA_PREFIX/Library/share/epsg_csv" || export GEOTIFF_CSV="$CONDA_PREFIX/Library/share/epsg_csv"
