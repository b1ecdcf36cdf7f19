if ($?PROJ_DATA) then
  if ("$PROJ_DATA" != "") setenv _CONDA_SET_PROJ_DATA_OLD "$PROJ_DATA"
endif
setenv PROJ_DATA "$CONDA_PREFIX/share/proj"
if (-f "$CONDA_PREFIX/share/proj/copyright_and_licenses.csv") then
  setenv PROJ_NETWORK OFF
else
  setenv PROJ_NETWORK ON
endif
