unset LEAKED
unalias ll
