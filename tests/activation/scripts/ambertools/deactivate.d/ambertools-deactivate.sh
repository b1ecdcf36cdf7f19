unset AMBERHOME
if [ "$PERL5LIB" = "$CONDA_PREFIX/lib/perl" ]; then
  unset PERL5LIB
else
  export PERL5LIB="${PERL5LIB#"$CONDA_PREFIX"/lib/perl:}"
fi
