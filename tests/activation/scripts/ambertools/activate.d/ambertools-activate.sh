export AMBERHOME="$CONDA_PREFIX"
if [ -z "$PERL5LIB" ]; then
  export PERL5LIB="$CONDA_PREFIX/lib/perl"
else
  export PERL5LIB="$CONDA_PREFIX/lib/perl:$PERL5LIB"
fi
