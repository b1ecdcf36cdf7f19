unset -f which
