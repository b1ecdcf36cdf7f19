_perl_own="$CONDA_PREFIX/lib/perl5/core"
_perl_list=":${PERL5LIB-}:"
while :; do
  case "$_perl_list" in
    *":$_perl_own:"*) _perl_list="${_perl_list%%":$_perl_own:"*}:${_perl_list#*":$_perl_own:"}" ;;
    *) break ;;
  esac
done
_perl_list="${_perl_list#:}"
_perl_list="${_perl_list%:}"
export PERL5LIB="$_perl_own${_perl_list:+:$_perl_list}"
unset _perl_own _perl_list
