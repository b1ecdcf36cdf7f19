if (-r "$CONDA_PREFIX/bin.SSE2/GMXRC.csh") source "$CONDA_PREFIX/bin.SSE2/GMXRC.csh"
