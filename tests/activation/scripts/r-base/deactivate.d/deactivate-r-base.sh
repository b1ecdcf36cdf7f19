#!/usr/bin/env sh
if [ -n "${RSTUDIO_WHICH_R_PREV}" ]; then
  export RSTUDIO_WHICH_R="${RSTUDIO_WHICH_R_PREV}"
  unset RSTUDIO_WHICH_R_PREV
else
  unset RSTUDIO_WHICH_R
fi
