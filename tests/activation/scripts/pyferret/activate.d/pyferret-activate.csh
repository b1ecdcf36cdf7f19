setenv FER_DIR "$CONDA_PREFIX/share/ferret"
setenv FER_DATA ". $FER_DIR/data"
setenv FER_GO ". $FER_DIR/go"
setenv FER_PALETTE ". $FER_DIR/ppl"
setenv FER_DESCR ". $FER_DIR/data"
setenv SPECTRA "$FER_DIR/ppl"
alias Faddpath 'setenv FER_GO "$FER_GO \!*"'
