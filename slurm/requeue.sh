# shellcheck shell=bash
# Slurm sends @SIGNAL@ to this shell alone, @SECONDS@ s before the time limit. The program gets it, saves its state and ends
# with exit code 0; then the job goes into the queue again and carries on from there (SLURM_RESTART_COUNT counts the runs).
hpcenv_hand_on() {
  hpcenv_woken=yes
  [[ $1 != @SIGNAL@ ]] || hpcenv_due=yes
  if [[ -z $hpcenv_child ]]; then
    hpcenv_early+=" $1"
    return
  fi
  # scancel tells every process itself: one that is leaving already is not told again.
  [[ $1 != TERM ]] || sleep 0.5
  kill -s "$1" "$hpcenv_child" 2>/dev/null || :
}
hpcenv_run() {
  local signal code again
  hpcenv_child='' hpcenv_due='' hpcenv_woken='' hpcenv_early=''
  for signal in HUP INT QUIT TERM USR1 USR2; do
    # shellcheck disable=SC2064
    trap "hpcenv_hand_on $signal" "$signal"
  done
  # Job control for a moment: without it what runs beside a script ignores INT and QUIT for good.
  set -m
  (exec -- "$@") <&0 &
  hpcenv_child=$!
  set +m
  # Those that came before the program's number was known.
  for signal in $hpcenv_early; do
    hpcenv_hand_on "$signal"
  done
  code=127
  while
    hpcenv_woken=''
    wait "$hpcenv_child"
    again=$?
    # 127: it had ended before, with the code that is known.
    ((again == 127)) || code=$again
    [[ -n $hpcenv_woken ]]
  do :; done
  trap - HUP INT QUIT TERM USR1 USR2
  [[ -n $hpcenv_due ]] || exit "$code"
  if ((code != 0)); then
    echo "hpcenv: after @SIGNAL@ the program ended with $code: the job is not put into the queue again." >&2
    exit "$code"
  fi
  echo "hpcenv: @SIGNAL@ came, the program has ended; the job goes into the queue again." >&2
  scontrol requeue "$SLURM_JOB_ID" || exit 125
  exit 0
}
