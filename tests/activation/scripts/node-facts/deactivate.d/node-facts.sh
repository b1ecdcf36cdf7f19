unset RUN_STAMP
