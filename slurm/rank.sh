# shellcheck shell=bash
# One task: runs the program and says which one failed. Slurm then ends the others, which is no failure of theirs.
hpcenv_task() {
  local code ended=
  trap 'ended=yes' TERM
  # The program gets these too, and may go on after them.
  trap : HUP INT QUIT ALRM USR1 USR2
  "$@"
  code=$?
  ((code != 0)) || return 0
  # What ended the program may reach this shell a moment later.
  ((code != 143)) || sleep 0.5
  if [[ -n $ended ]]; then
    ((code != 143)) || return 1
    return "$code"
  fi
  printf 'hpcenv: task %s of %s, on %s, failed at %(%H:%M:%S)T with exit code %s\n' \
    "$SLURM_PROCID" "$SLURM_NTASKS" "${SLURMD_NODENAME:-$HOSTNAME}" -1 "$code" >&2
  return "$code"
}
