# shellcheck shell=bash disable=SC1003,SC2016
#@start

#@head
# hpcenv brings your own shell, with your start-up files.
if [[ -x '@PROGRAM@' ]]; then exec -- '@PROGRAM@' shell -p '@PREFIX@'; fi
echo "hpcenv: ${SLURMD_NODENAME:-$HOSTNAME} cannot run "'@PROGRAM@'': this is bash without your start-up files.' >&2

#@activation

exec bash --noprofile --norc -i
