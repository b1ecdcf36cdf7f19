export EUPS_SHELL=sh
export EUPS_DIR=@PREFIX@/eups
export EUPS_PATH=@PREFIX@/share/eups:$EUPS_PATH
export SETUP_EUPS="eups LOCAL:$EUPS_DIR -f (none) -Z (none)"
setup() { eval "$("$EUPS_DIR/bin/eups_setup" "$@")"; }
unsetup() { eval "$("$EUPS_DIR/bin/eups_setup" --unsetup "$@")"; }
export -f setup unsetup
