#!/usr/bin/env bash
# helper_start.sh TEST_HOST: the helper starts where memfd_create or execveat are refused, and leaves no file behind.
# strace plays the old or strict kernel.
set -euo pipefail

test_host=$1
command -v strace >/dev/null || { echo "SKIP: strace is missing"; exit 77; }
strace -o /dev/null true 2>/dev/null || { echo "SKIP: strace may not trace here"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work/tmp
mkdir "$TMPDIR"
# LeakSanitizer cannot work under ptrace.
export ASAN_OPTIONS=detect_leaks=0

# run NAME INJECTIONS...: the tests tagged [start] under strace, a log a process: calls that overlap are cut in two else.
run() {
  local name=$1; shift
  local options=(); local injection
  for injection in "$@"; do options+=(-e "inject=$injection"); done
  if ! strace -ff -o "$work/$name.log" -e trace=memfd_create,execveat,execve,openat,unlink "${options[@]}" \
    "$test_host" "[start]" >"$work/$name.out" 2>&1; then
    cat "$work/$name.out"
    tail -n 30 "$work/$name.log".*
    echo "helper_start: $name failed" >&2
    exit 1
  fi
  [[ -z $(ls -A "$TMPDIR") ]] || { ls -A "$TMPDIR"; echo "helper_start: $name left files behind" >&2; exit 1; }
}

# has NAME PATTERN: the system call was really made.
has() {
  grep -Eqh "$2" "$work/$1.log".* || { echo "helper_start: $1 shows no $2" >&2; tail -n 30 "$work/$1.log".*; exit 1; }
}

run plain
has plain 'execveat\([0-9]+, "", .*AT_EMPTY_PATH\) = 0'
if grep -qh '\.hpcenv-probe-' "$work/plain.log".*; then echo "helper_start: a file was made without need" >&2; exit 1; fi

run no_memfd memfd_create:error=ENOSYS
has no_memfd "openat\(AT_FDCWD, \"$TMPDIR/\.hpcenv-probe-[^\"]*\", O_RDWR\|O_CREAT\|O_EXCL"
has no_memfd "unlink\(\"$TMPDIR/\.hpcenv-probe-"

# kernels before 6.3 know no MFD_EXEC
run old_flags memfd_create:error=EINVAL:when=1
has old_flags 'memfd_create\("hpcenv-probe", MFD_CLOEXEC\) = [0-9]'

run old_kernel memfd_create:error=ENOSYS execveat:error=ENOSYS
has old_kernel 'execve\("/proc/self/fd/[0-9]+", .*\) = 0'

# inside NAME SETUP: the tests tagged [start] in namespaces of their own, after SETUP.
inside() {
  local name=$1 setup=$2
  unshare --user --map-root-user --mount --pid --fork --mount-proc bash -c "
    $setup && exec strace -ff -o '$work/$name.log' -e trace=memfd_create,execveat,openat,unlink '$test_host' '[start]'" \
    >"$work/$name.out" 2>&1 || { cat "$work/$name.out"; echo "helper_start: $name failed" >&2; exit 1; }
}

if [[ -e /proc/sys/vm/memfd_noexec ]] && unshare --user --map-root-user --mount --pid --fork --mount-proc true 2>/dev/null
then
  # neither memfd nor TMPDIR allows a program: the next place serves
  inside noexec "mount -t tmpfs -o noexec none '$TMPDIR' && echo 2 >/proc/sys/vm/memfd_noexec"
  has noexec 'memfd_create\(.*\) = -1 EACCES'
  has noexec 'execveat.* = -1 EACCES'
  has noexec 'execveat.* = 0'
  inside only_marked 'echo 1 >/proc/sys/vm/memfd_noexec'
  if grep -qh '\.hpcenv-probe-' "$work/only_marked.log".*; then echo "helper_start: MFD_EXEC was not used" >&2; exit 1; fi
fi
echo "memfd, file, old flags, old kernel, strict kernel: the helper starts"
