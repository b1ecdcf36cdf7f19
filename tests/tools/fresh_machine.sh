#!/usr/bin/env bash
# fresh_machine.sh [--keep] [FOLDER]: runs `./bootstrap` and `./bootstrap test` in a clone of this repository on a Debian 12
# with nothing installed (debootstrap), and says how long each took.
#
# The machine is a folder tree of its own (default: a temporary one; --keep leaves it) in its own mount and process
# namespaces, entered by pivot_root, so that what the tests mount and start lives and ends there. It uses the network, and
# apt and pip as this machine has them set up. Needs root and debootstrap. What is not committed is not in the clone.
set -euo pipefail

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
keep=''
if [[ ${1:-} == --keep ]]; then
  keep=yes
  shift
fi

skip() { echo "SKIP: $*"; exit 77; }
((EUID == 0)) || skip "no root: a fresh machine cannot be made"
command -v debootstrap >/dev/null || skip "no debootstrap"
unshare --mount true 2>/dev/null || skip "no mount namespaces"

folder=${1:-$(mktemp -d --suffix=-hpcenv-fresh)}
mkdir -p "$folder"
machine=$folder/root
cleanup() {
  [[ -n $keep ]] || rm -rf --one-file-system "$folder"
}
trap cleanup EXIT

make_machine() {
  local archive file
  # shellcheck disable=SC2016
  archive=$(apt-get indextargets --no-release-info --format '$(SITE) $(RELEASE)' | awk '$2 == "bookworm" { print $1; exit }')
  [[ -n $archive ]] || { echo "no archive of bookworm in /etc/apt" >&2; exit 1; }
  debootstrap --variant=minbase bookworm "$machine" "$archive" >"$folder/debootstrap.log" 2>&1 ||
    { tail -n 20 "$folder/debootstrap.log" >&2; exit 1; }
  rm -f "$machine/etc/apt/sources.list"
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} /etc/apt/apt.conf.d/99* /etc/pip.conf \
    /etc/resolv.conf /etc/hosts /usr/local/share/ca-certificates/*.crt /etc/ssl/certs/ca-certificates.crt; do
    [[ -f $file ]] || continue
    mkdir -p "$machine${file%/*}"
    cp -L "$file" "$machine$file"
  done
}

# Runs in the new namespaces: makes the machine's root the root, then runs a command there.
enter() {
  mount --make-rprivate /
  mount --bind "$machine" "$machine"
  mount --rbind /dev "$machine/dev"
  mount --rbind /sys "$machine/sys"
  mount -t proc proc "$machine/proc"
  cd "$machine"
  mkdir -p old
  pivot_root . old
  cd /
  umount -l /old
  exec "$@"
}

# in_machine COMMAND: runs it with an environment of its own; only what names certificates and package indexes goes along.
in_machine() {
  local kept
  kept=$(env | grep -E '^(PIP_[A-Z_]+|SSL_CERT_FILE|https?_proxy|no_proxy)=' || true)
  mapfile -t kept <<<"$kept"
  [[ -n ${kept[0]} ]] || kept=()
  # The functions travel as text; bash's own export of functions would reach the machine's programs.
  unshare --mount --pid --fork --kill-child bash -c "set -euo pipefail; machine=\$1; shift; $(declare -f enter); enter \"\$@\"" \
    enter "$machine" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "${kept[@]}" bash -c "$1"
}

timed() {
  local title=$1 started=$SECONDS
  shift
  echo "== $title"
  "$@" || { echo "== $title failed after $((SECONDS - started)) s" >&2; exit 1; }
  echo "== $title: $((SECONDS - started)) s"
}

if [[ ! -e $machine/etc/debian_version ]]; then
  timed "a machine with nothing on it" make_machine
fi
rm -rf "$machine/root/hpcenv"
git clone --quiet --no-hardlinks "$source_dir" "$machine/root/hpcenv"
# `git clone` of a worktree takes its HEAD without a branch; either will do.
timed "./bootstrap" in_machine 'cd /root/hpcenv && ./bootstrap'
timed "./bootstrap again" in_machine 'cd /root/hpcenv && ./bootstrap'
timed "./bootstrap test" in_machine 'cd /root/hpcenv && ./bootstrap test'
