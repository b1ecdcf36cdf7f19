# shellcheck shell=bash
# Does the environment fit this machine? Better known now than after an hour.
hpcenv_check=('@CHECKER@' doctor -p '@PREFIX@' '@CHECKS@')
if [[ ! -x ${hpcenv_check[0]} ]]; then
  echo "hpcenv: ${SLURMD_NODENAME:-$HOSTNAME} cannot run ${hpcenv_check[0]}, which --check needs." >&2
  exit 125
fi
#@everywhere
if ! hpcenv_findings=$("${hpcenv_check[@]}" 2>&1); then
  printf '%s\n' "$hpcenv_findings" 'hpcenv: the environment does not fit here (--check); the program was not started.' >&2
  exit 125
fi
unset -v hpcenv_check hpcenv_findings
