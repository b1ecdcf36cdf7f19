# shellcheck shell=bash disable=SC1003,SC2016
#@start

#@head
#@activation

if [[ $1 != */* ]] && ! type -P -- "$1" >/dev/null; then
  printf 'hpcenv: %s: no such program, neither in the environment nor on %s\n' "$1" "$HOSTNAME" >&2
  exit 127
fi
exec -- "$@"
