shopt -s extglob nullglob
umask 077
cd "$CONDA_PREFIX" || return
set -o noclobber
ulimit -c 0
trap 'rm -f "$HOME/leak.tmp"' EXIT
alias ll='ls -l'
export LEAKED=1
