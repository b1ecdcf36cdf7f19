if test -n "$PROJ_DATA"
  set -gx _CONDA_SET_PROJ_DATA_OLD "$PROJ_DATA"
end
set -gx PROJ_DATA "$CONDA_PREFIX/share/proj"
if test -f "$CONDA_PREFIX/share/proj/copyright_and_licenses.csv"
  set -gx PROJ_NETWORK OFF
else
  set -gx PROJ_NETWORK ON
end
