#!/bin/bash
# shellcheck disable=SC1003,SC2016
# The job of `hpcenv target add`: runs hpcenv @VERSION@ once on the node that it got, to see what is there. It changes nothing.
set +euf
hpcenv_folder='@FOLDER@'
hpcenv_digest='@DIGEST@'
unset -v SLURM_EXPORT_ENV
: "${USER:=$(id -un)}"
: "${HOME:=$(getent passwd "$USER" | cut -d: -f6)}"
export USER HOME

hpcenv_give_up() {
  echo "hpcenv: $1" >&2
  exit 125
}

# A program is run only if it is ours, a plain file, and the one that was sent.
hpcenv_is_ours() {
  local sum
  [[ -f $1 && ! -L $1 && -O $1 ]] || return 1
  sum=$(sha256sum <"$1") && [[ ${sum%% *} == "$hpcenv_digest" ]]
}
hpcenv_look() {
  hpcenv_is_ours "$1" || hpcenv_give_up "$1 is not the program that was sent; nothing was run"
  HPCENV_PROBE_PROGRAM=$1 "$1" probe --for-target "$hpcenv_folder/$SLURM_JOB_ID"
}

# What jobs of ours that were killed left on this node.
hpcenv_sweep() {
  local old pid
  for old in "$1"/hpcenv-probe.*; do
    [[ -d $old && ! -L $old && -O $old ]] || continue
    pid=$(cat "$old/pid" 2>/dev/null)
    # Without a number it may be about to get one.
    if [[ -z $pid ]]; then [[ -n $(find "$old" -maxdepth 0 -mmin +2) ]] || continue; fi
    if [[ -z $pid ]] || ! kill -0 "$pid" 2>/dev/null; then rm -rf -- "$old"; fi
  done
}

[[ -d $hpcenv_folder ]] || hpcenv_give_up "${SLURMD_NODENAME:-this node} does not see $hpcenv_folder"
for hpcenv_place in "${TMPDIR:-/tmp}" /tmp; do
  hpcenv_sweep "$hpcenv_place"
done
# Nothing is run where one cannot tell.
command -v sha256sum >/dev/null || hpcenv_give_up "there is no sha256sum on ${SLURMD_NODENAME:-this node}"
hpcenv_look "$hpcenv_folder/hpcenv"
hpcenv_code=$?
# 126: it may not be executed there.
if ((hpcenv_code != 126)); then exit "$hpcenv_code"; fi
for hpcenv_place in "${TMPDIR:-/tmp}" /tmp /dev/shm; do
  hpcenv_copy=$(mktemp -d "$hpcenv_place/hpcenv-probe.$SLURM_JOB_ID.XXXXX") || continue
  trap 'rm -rf -- "$hpcenv_copy"' EXIT
  echo $$ >"$hpcenv_copy/pid"
  cp -- "$hpcenv_folder/hpcenv" "$hpcenv_copy/hpcenv" || continue
  chmod 700 "$hpcenv_copy/hpcenv"
  hpcenv_look "$hpcenv_copy/hpcenv"
  hpcenv_code=$?
  rm -rf -- "$hpcenv_copy"
  if ((hpcenv_code != 126)); then exit "$hpcenv_code"; fi
done
hpcenv_give_up "the program can be executed nowhere on ${SLURMD_NODENAME:-this node} (tried $hpcenv_folder, ${TMPDIR:-/tmp}, /tmp, /dev/shm; processor $(uname -m))"
