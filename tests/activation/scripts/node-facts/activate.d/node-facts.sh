export RUN_STAMP="$(hostname) $(date +%Y%m%d) $$"
