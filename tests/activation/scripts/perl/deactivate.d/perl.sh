PERL5LIB="${PERL5LIB#"$CONDA_PREFIX"/lib/perl5/core}"
PERL5LIB="${PERL5LIB#:}"
if [ -n "$PERL5LIB" ]; then export PERL5LIB; else unset PERL5LIB; fi
