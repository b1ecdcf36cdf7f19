#!/usr/bin/env bash
# on-gpu.sh [--without-gpu] HPCENV CHANNEL [WORK]: hpcenv's CUDA environment on a real GPU, in one command and without a network.
#
# HPCENV is the static program, CHANNEL a folder with a channel (the profile `cuda` or `whole` of tests/channel/build_channel.py,
# or what gpu_channel.py makes of it). Creates an environment with nvcc, a C++ compiler, cuBLAS and cuDNN, builds on_gpu.cu in
# it and runs that. Nothing else of the machine is used: no compiler, no CUDA. WORK is kept; without it a temporary folder is
# taken and removed. What probe and doctor say of the machine, as text and as JSON, is left in WORK/machine (printed where WORK was
# none), with what `probe --capture` wrote: a folder for tests/host. Exit code 0: all results agree with the processor's; 1: not; 77: skipped, with a reason.
# --without-gpu does what needs no GPU, then skips.
set -euo pipefail

die() { echo "on-gpu: $*" >&2; exit 1; }
skip() { echo "SKIP: $*"; exit 77; }
say() { printf '== %s\n' "$*"; }

without_gpu=''
if [[ ${1:-} == --without-gpu ]]; then without_gpu=yes; shift; fi
(($# == 2 || $# == 3)) || die "usage: on-gpu.sh [--without-gpu] HPCENV CHANNEL [WORK]"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
hpcenv=$(cd "$(dirname "$1")" && pwd)/${1##*/}
channel=$(cd "$2" && pwd)
[[ -x $hpcenv ]] || die "no program: $hpcenv"
[[ -f $channel/linux-64/repodata.json ]] || die "no channel: $channel has no linux-64/repodata.json"

if (($# == 3)); then
  mkdir -p "$3"
  work=$(cd "$3" && pwd)
else
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
fi
export HPCENV_ROOT=$work/root HOME=$work/home TMPDIR=$work
mkdir -p "$HOME"

# field NAME: the first number of that name in the probe's answer.
field() { sed -nE "s/^ *\"$1\": ([0-9]+).*/\1/p" "$work/probe.json" | head -n 1; }

"$hpcenv" probe --devices --json >"$work/probe.json" || die "the probe failed: $(cat "$work/probe.json")"
driver=$(field cuda_version)
arch=native
if [[ -z $driver ]]; then
  [[ -n $without_gpu ]] || skip "no GPU: no driver answers on this machine"
  export CONDA_OVERRIDE_CUDA=13.0
elif ((driver < 13000)); then
  [[ -n $without_gpu ]] || skip "no GPU that this toolkit can use: the driver has CUDA $((driver / 1000)).$((driver % 1000 / 10)), the channel CUDA 13"
  export CONDA_OVERRIDE_CUDA=13.0
else
  say "driver: CUDA $((driver / 1000)).$((driver % 1000 / 10)), $(sed -nE 's/^ *"file_version": "(.*)",?/\1/p' "$work/probe.json" | head -n 1)"
  major=$(field capability_major) minor=$(field capability_minor)
  [[ -z $major ]] || arch=sm_$major$minor
fi
if [[ -z $driver || -n $without_gpu ]]; then arch=sm_90; fi

specs=(cuda-nvcc cuda-cudart-dev libcublas-dev cudnn gxx_linux-64)
options=()
if compgen -G "$channel/linux-64/nccl-*.conda" >/dev/null; then specs+=(nccl) options=(-DWITH_NCCL -lnccl); fi
say "hpcenv create: ${specs[*]}"
started=$SECONDS
"$hpcenv" create -n gpu --override-channels -c "file://$channel" --offline -y "${specs[@]}" >"$work/create.log" 2>&1 ||
  { cat "$work/create.log" >&2; die "the environment cannot be created"; }
tail -n 6 "$work/create.log"
say "created in $((SECONDS - started)) s"
for record in cuda-version cuda-nvcc libcublas libcudnn nccl; do
  file=$(compgen -G "$HPCENV_ROOT/envs/gpu/conda-meta/$record-[0-9]*.json" || true)
  [[ -z $file ]] || say "$(basename "$file" .json)"
done

say "nvcc of the environment compiles on_gpu.cu for $arch"
prefix=$HPCENV_ROOT/envs/gpu
started=$SECONDS
"$hpcenv" run -n gpu -- nvcc -O1 "-arch=$arch" -cudart shared "$here/on_gpu.cu" -o "$work/on_gpu" "${options[@]}" -lcublas \
  -lcudnn -Xlinker -rpath -Xlinker "$prefix/lib" || die "on_gpu.cu cannot be compiled"
say "compiled with nvcc in $((SECONDS - started)) s"

# The program takes its libraries from the environment, whatever else the machine has.
"$hpcenv" run -n gpu -- ldd "$work/on_gpu" >"$work/ldd.log"
for library in libcudart libcublas libcublasLt libcudnn libstdc++; do
  grep -qF "$library.so" "$work/ldd.log" || die "$library is not linked"
  grep -F "$library.so" "$work/ldd.log" | grep -qF "=> $prefix/" || die "$library comes from elsewhere: $(grep -F "$library.so" "$work/ldd.log")"
done

# What the machine is, for a fixture. The doctor's answer may be "no" (1); anything else is a doctor that did not answer.
machine=$work/machine
mkdir -p "$machine"
look() {
  local file=$1 status=0; shift
  "$hpcenv" "$@" >"$machine/$file" 2>"$machine/$file.err" || status=$?
  ((status <= 1)) || { cat "$machine/$file.err" >&2; die "hpcenv $1 failed (exit code $status)"; }
  [[ -s $machine/$file.err ]] || rm "$machine/$file.err"
}
say "probe and doctor"
look probe.json probe --devices --json
look probe.txt probe --devices
look doctor.json doctor -n gpu --json
look doctor.txt doctor -n gpu
if "$hpcenv" probe --help | grep -q '^ *--capture '; then look capture.txt probe --devices --capture "$machine/capture"; fi
if (($# < 3)); then for file in "$machine"/*.json; do say "${file##*/}"; cat "$file"; done; fi

say "on_gpu"
status=0
"$hpcenv" run -n gpu -- "$work/on_gpu" || status=$?
# The same packages as an image: its tree over this machine's own C library, the program looking for libraries there alone.
in_tree() {
  local bwrap
  bwrap=$(command -v bwrap || echo /usr/bin/bwrap)
  if [[ -x $bwrap ]]; then
    "$bwrap" --dev-bind / / --bind "$work/tree/opt" /opt "$@"
  else
    # shellcheck disable=SC2016
    unshare -m bash -c 'mount --bind "$0/opt" /opt && exec "$@"' "$work/tree" "$@"
  fi
}
say "hpcenv image build"
"$hpcenv" image build -n gpu --image-prefix /opt/envs/gpu --base none --compress none --format oci-dir -o "$work/image" \
  >"$work/image.log" 2>&1 || { cat "$work/image.log" >&2; die "the image cannot be built"; }
mkdir -p "$work/tree"
manifest=$(grep -oE '"digest":"sha256:[0-9a-f]{64}"' "$work/image/index.json" | head -n 1 | cut -c 18-81)
while read -r layer; do
  tar -xf "$work/image/blobs/sha256/$layer" -C "$work/tree"
done < <(sed 's/.*"layers"://' "$work/image/blobs/sha256/$manifest" | grep -oE '"digest":"sha256:[0-9a-f]{64}"' | cut -c 18-81)
"$hpcenv" run -n gpu -- nvcc -O1 "-arch=$arch" -cudart shared "$here/on_gpu.cu" -o "$work/on_gpu_image" "${options[@]}" -lcublas \
  -lcudnn -Xlinker -rpath -Xlinker /opt/envs/gpu/lib || die "on_gpu.cu cannot be compiled for the image"
shipped=0
if in_tree true 2>/dev/null; then
  say "on_gpu in the image's tree"
  in_tree ldd "$work/on_gpu_image" | grep -qF "=> /opt/envs/gpu/lib/libcublas.so" || die "libcublas does not come from the image"
  in_tree "$work/on_gpu_image" || shipped=$?
  ((shipped == status)) || die "in the image's tree the program ends with $shipped, else with $status"
else
  say "not run in the image's tree: neither bwrap nor the right to mount is there"
fi

say "hpcenv doctor -n gpu"
verdict=0
"$hpcenv" doctor -n gpu || verdict=$?
# 1 is an answer, for the reader: a check found something. Anything else is a doctor that did not answer.
((verdict <= 1)) || die "the doctor failed (exit code $verdict)"
((status != 77)) || skip "no GPU: environment made and program built; the program found no device to run on"
((status == 0)) || die "results differ or calls failed (exit code $status)"
say "all results agree: kernel compiled with nvcc, cuBLAS, cuDNN${options[0]:+, NCCL}"
