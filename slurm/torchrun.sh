# shellcheck shell=bash disable=SC2034
# torchrun on one node. They meet on the first node of the job, which torch would not always know by its own name. All versions know
# the options with underscores; with dashes those from 2.0 on.
hpcenv_torchrun() {
  local -r host=$1 port=$2
  shift 2
  local -a options=(--nnodes="$SLURM_NNODES" --nproc_per_node="@PROCESSES@" --rdzv_backend=c10d
    --rdzv_id="$SLURM_JOB_ID" --rdzv_endpoint="$host:$port")
  if ((SLURM_NODEID == 0)); then
    options+=(--rdzv_conf=is_host=1 '#@address')
  else
    options+=(--rdzv_conf=is_host=0)
  fi
#@ignored
  torchrun "${options[@]}" "$@"
}
hpcenv_host=$(scontrol show hostnames "$SLURM_JOB_NODELIST") || exit 125
hpcenv_host=${hpcenv_host%%$'\n'*}'@SUFFIX@'
# Two jobs on one node need two ports.
hpcenv_port=$((10000 + SLURM_JOB_ID % 20000))
