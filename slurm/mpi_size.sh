# shellcheck shell=bash
# Do the tasks find each other? With a wrong --mpi each runs alone, as rank 0 of 1, and it looks like success.
hpcenv_size='
import ctypes, sys
mpi = ctypes.CDLL(sys.argv[1], ctypes.RTLD_GLOBAL)
mpi.MPI_Init(None, None)
try:
    world = ctypes.addressof(ctypes.c_char.in_dll(mpi, "ompi_mpi_comm_world"))
except ValueError:
    world = 0x44000000  # MPI_COMM_WORLD of MPICH is a number
size = ctypes.c_int()
mpi.MPI_Comm_size(ctypes.c_void_p(world), ctypes.byref(size))
mpi.MPI_Finalize()
print("size", size.value, flush=True)'
if type -P python3 >/dev/null; then
  if ! hpcenv_sizes=$(srun '@MPI@' python3 -c "$hpcenv_size" '@LIBRARY@' 2>&1); then
    printf '%s\n' "$hpcenv_sizes" 'hpcenv: MPI does not start so (--check); does srun have the right --mpi? See: srun --mpi=list' >&2
    exit 125
  fi
  mapfile -t hpcenv_tasks < <(grep '^size ' <<<"$hpcenv_sizes")
  for hpcenv_size in "${hpcenv_tasks[@]}"; do
    if [[ $hpcenv_size != "size ${#hpcenv_tasks[@]}" ]]; then
      echo "hpcenv: ${#hpcenv_tasks[@]} tasks were started, but each is alone (its ${hpcenv_size% *} is ${hpcenv_size#* }): another --mpi is wanted;" \
        "see: srun --mpi=list" >&2
      exit 125
    fi
  done
  unset -v hpcenv_size hpcenv_sizes hpcenv_tasks
fi
