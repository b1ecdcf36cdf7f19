#!/bin/bash
#SBATCH --job-name=python
#SBATCH --nodes=1
#SBATCH --time=10
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
# shellcheck disable=SC1003,SC2016,SC2317,SC2329

# A job for the environment /scratch/envs/py, written by hpcenv VERSION.
# It is yours: read it, change it, keep it, submit it with `sbatch`. It needs no `conda init` and no hpcenv on the node.

hpcenv_prefix=/scratch/envs/py
hpcenv_node=${SLURMD_NODENAME:-${HOSTNAME:-this node}}

# The shell as it is by default, whatever the login shell exported (SHELLOPTS, BASHOPTS).
set +euf +o pipefail +o posix
shopt -u failglob nullglob

# After `sbatch --export=NONE` every srun in here would start with an empty environment.
unset -v SLURM_EXPORT_ENV
# Then HOME and USER may be missing too.
: "${USER:=$(id -un)}"
: "${HOME:=$(getent passwd "$USER" | cut -d: -f6)}"
export USER HOME
# An srun in here gets the processors that the job asked for; by itself Slurm 22.05 to 23.02 does not hand them on.
[[ -z ${SLURM_CPUS_PER_TASK:-} ]] || export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK

if [[ ! -d $hpcenv_prefix/conda-meta ]]; then
  echo "hpcenv: $hpcenv_node does not see the environment $hpcenv_prefix." >&2
  echo "hpcenv: was it removed, or does it lie on a disk that only the login node has?" >&2
  exit 127
fi

# An environment that is being changed is not used: wait for the end, but not for ever.
hpcenv_is_being_changed() {
  local sign
  for sign in "$hpcenv_prefix"/.hpcenv/*/record "$hpcenv_prefix"/.hpcenv/scripts/*; do
    [[ ! -e $sign || $sign == *.failed ]] || return 0
  done
  return 1
}
for ((hpcenv_patience = 30; hpcenv_patience > 0; hpcenv_patience--)); do
  hpcenv_is_being_changed || break
  sleep 1
done
if hpcenv_is_being_changed; then
  echo "hpcenv: a change of the environment $hpcenv_prefix is unfinished." >&2
  hpcenv_who='complete it with'
  [[ -w $hpcenv_prefix ]] || hpcenv_who="you cannot write it; its owner, $(stat -Lc %U -- "$hpcenv_prefix"), completes it with"
  echo "hpcenv: $hpcenv_who: hpcenv install -p '$hpcenv_prefix'" >&2
  exit 125
fi
for hpcenv_sign in "$hpcenv_prefix"/.hpcenv/scripts/*.failed; do
  [[ ! -e $hpcenv_sign ]] || echo "hpcenv: link scripts of some packages failed in $hpcenv_prefix; these may not work." >&2
done
unset -f hpcenv_is_being_changed
unset -v hpcenv_sign hpcenv_patience

# The activation of the environment, without any conda.
hpcenv_options=:$SHELLOPTS:
set +euf +o pipefail +o posix
shopt -u failglob

# What `hpcenv activate` made in the shell that this starts from, the last one first.
hpcenv_levels=
for hpcenv_name in "${!__HPCENV_EFFECT_@}"; do hpcenv_levels="${hpcenv_name##*_} $hpcenv_levels"; done
for hpcenv_level in $hpcenv_levels; do
  hpcenv_rest=__HPCENV_EFFECT_$hpcenv_level hpcenv_rest=${!hpcenv_rest-}
  while [[ $hpcenv_rest ]]; do
    hpcenv_item=${hpcenv_rest%%;*} hpcenv_rest=${hpcenv_rest#"${hpcenv_rest%%;*}"}
    hpcenv_rest=${hpcenv_rest#;} hpcenv_name=${hpcenv_item%%,*}
    hpcenv_size=${hpcenv_item#*,} hpcenv_size=${hpcenv_size%%[.,]*}
    hpcenv_was=__HPCENV_WAS_${hpcenv_level}_$hpcenv_name hpcenv_value=${!hpcenv_name-}
    if [[ $hpcenv_name == PATH ]]; then
      hpcenv_item=${hpcenv_item##*,} hpcenv_kept=
      while [[ $hpcenv_item ]]; do
        printf -v hpcenv_value %b "\\x${hpcenv_item:0:2}"
        hpcenv_kept+=$hpcenv_value hpcenv_item=${hpcenv_item:2}
      done
      hpcenv_value=:$PATH:
      hpcenv_value=${hpcenv_value//":$hpcenv_kept:"/:} hpcenv_value=${hpcenv_value%:}
      PATH=${hpcenv_value#:}
    elif [[ ${!hpcenv_name+${#hpcenv_value}} != "${hpcenv_size#-}" ]]; then
      hpcenv_item=${hpcenv_item##*,}00 hpcenv_kept=
      while [[ $hpcenv_item ]]; do
        if [[ $hpcenv_item != 00* ]]; then
          printf -v hpcenv_byte %b "\\x${hpcenv_item:0:2}"
          hpcenv_kept+=$hpcenv_byte
        elif [[ $hpcenv_kept && $hpcenv_value == *"$hpcenv_kept"* ]]; then
          hpcenv_value=${hpcenv_value%%"$hpcenv_kept"*}${hpcenv_value#*"$hpcenv_kept"}
        fi
        [[ $hpcenv_item != 00* ]] || hpcenv_kept=
        hpcenv_item=${hpcenv_item:2}
      done
      [[ -z ${!hpcenv_name+x} ]] || export "$hpcenv_name=$hpcenv_value"
      [[ $hpcenv_value ]] || unset -v "$hpcenv_name"
    elif [[ ${!hpcenv_was+x} ]]; then
      export "$hpcenv_name=${!hpcenv_was}"
    else
      unset -v "$hpcenv_name"
    fi
  done
done

# Functions and aliases of another conda.
unalias -a
unset -f conda mamba micromamba __conda_exe __conda_hashr __conda_activate \
  __conda_reactivate __add_sys_prefix_to_path __mamba_exe __mamba_hashr __mamba_xctivate 2>/dev/null

# PATH without the programs of other environments.
hpcenv_rest=${PATH:-}: hpcenv_kept=
while [[ $hpcenv_rest ]]; do
  hpcenv_item=${hpcenv_rest%%:*} hpcenv_rest=${hpcenv_rest#*:}
  case $hpcenv_item in
    /bin | /usr/bin | /usr/local/bin) ;;
    "${CONDA_PREFIX:-//}"/* | "${CONDA_PREFIX_1:-//}"/* | "${CONDA_PREFIX_2:-//}"/*) continue ;;
    "${VIRTUAL_ENV:-/}/bin" | */condabin) continue ;;
    */bin) [[ ! -e ${hpcenv_item%/bin}/conda-meta/history ]] || continue ;;
  esac
  hpcenv_kept+=:$hpcenv_item
done
export PATH="${hpcenv_kept#:}"

# Variables of another conda.
for hpcenv_name in "${!CONDA_@}" "${!_CONDA_@}" "${!__CONDA_@}" "${!_CE_@}" "${!MAMBA_@}" "${!__MAMBA_@}" "${!__HPCENV_@}"; do
  [[ $hpcenv_name == CONDA_OVERRIDE_* ]] || unset -v "$hpcenv_name"
done
unset -v VIRTUAL_ENV PYTHONPATH PYTHONHOME

# LD_LIBRARY_PATH without directories whose libraries would be taken in place of the environment's.
hpcenv_rest=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:} hpcenv_kept=
while [[ $hpcenv_rest ]]; do
  hpcenv_item=${hpcenv_rest%%:*} hpcenv_rest=${hpcenv_rest#*:}
  for hpcenv_file in "${hpcenv_item:-.}"/*.so*; do
    if [[ -e /scratch/envs/py/lib/${hpcenv_file##*/} ]]; then
      echo "hpcenv: not in LD_LIBRARY_PATH: $hpcenv_item (its ${hpcenv_file##*/} hides the environment's)" >&2
      continue 2
    fi
  done
  hpcenv_kept+=:$hpcenv_item
done
LD_LIBRARY_PATH=${hpcenv_kept#:}
[[ $LD_LIBRARY_PATH ]] || unset -v LD_LIBRARY_PATH

# LD_PRELOAD without libraries that the environment brings itself.
hpcenv_rest=${LD_PRELOAD:-} hpcenv_rest=${hpcenv_rest// /:}: hpcenv_kept=
while [[ $hpcenv_rest ]]; do
  hpcenv_item=${hpcenv_rest%%:*} hpcenv_rest=${hpcenv_rest#*:}
  if [[ $hpcenv_item && -e /scratch/envs/py/lib/${hpcenv_item##*/} ]]; then
    echo "hpcenv: not in LD_PRELOAD: $hpcenv_item (the environment has its own)" >&2
  elif [[ $hpcenv_item ]]; then
    hpcenv_kept+=:$hpcenv_item
  fi
done
LD_PRELOAD=${hpcenv_kept#:}
[[ $LD_PRELOAD ]] || unset -v LD_PRELOAD

# The environment.
export PATH=/scratch/envs/py/bin:"${PATH:-/usr/local/bin:/usr/bin:/bin}"
export CONDA_PREFIX=/scratch/envs/py
export CONDA_SHLVL=1
export CONDA_DEFAULT_ENV=/scratch/envs/py
export PYTHONNOUSERSITE=1

# What the activation scripts of packages make.
export TOOLS_HOME=/scratch/envs/py/share/tools

# Shell options as they were.
[[ $hpcenv_options != *:posix:* ]] || set -o posix
[[ $hpcenv_options != *:pipefail:* ]] || set -o pipefail
[[ $hpcenv_options != *:noglob:* ]] || set -f
[[ $hpcenv_options != *:nounset:* ]] || set -u
[[ $hpcenv_options != *:errexit:* ]] || set -e
unset -v "${!hpcenv_@}"

# Slurm sends USR1 to this shell alone, 120 s before the time limit. The program gets it, saves its state and ends
# with exit code 0; then the job goes into the queue again and carries on from there (SLURM_RESTART_COUNT counts the runs).
hpcenv_hand_on() {
  hpcenv_woken=yes
  [[ $1 != USR1 ]] || hpcenv_due=yes
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
    echo "hpcenv: after USR1 the program ended with $code: the job is not put into the queue again." >&2
    exit "$code"
  fi
  echo "hpcenv: USR1 came, the program has ended; the job goes into the queue again." >&2
  scontrol requeue "$SLURM_JOB_ID" || exit 125
  exit 0
}

if ! type -P -- python >/dev/null; then
  printf 'hpcenv: %s: no such program, neither in the environment nor on %s\n' python "$HOSTNAME" >&2
  exit 127
fi
hpcenv_run python -c 'import os, sys; os.write(1, f"{os.environ['\''SLURMD_NODENAME'\'']} {sys.argv[1:]}\n".encode())'
