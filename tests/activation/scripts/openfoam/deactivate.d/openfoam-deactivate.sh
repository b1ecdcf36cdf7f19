for _foam_name in $(compgen -v WM_) $(compgen -v FOAM_); do
  unset "${_foam_name}"
done
unset _foam_name
