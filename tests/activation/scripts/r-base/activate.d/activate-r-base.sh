#!/usr/bin/env sh
if [ -n "${RSTUDIO_WHICH_R}" ]; then
  export RSTUDIO_WHICH_R_PREV="${RSTUDIO_WHICH_R}"
fi
export RSTUDIO_WHICH_R="${CONDA_PREFIX}/bin/R"
# Where Java is may have changed.
if "${CONDA_PREFIX}/bin/R" CMD javareconf > /dev/null 2>&1; then :; fi
