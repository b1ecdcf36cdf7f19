# shellcheck shell=bash disable=SC2016
hpcenv_prefix='@PREFIX@'
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
