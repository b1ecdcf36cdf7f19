#!/usr/bin/env bash
# third_party.sh [--program]: builds the libraries that Debian does not ship as fit static archives; with --program only
# those that the program links, not Catch2.
# third_party.sh --prefix: prints where they are (or will be), builds nothing.
#
# Sources are Debian's source packages, fetched and verified by apt through an index of its own: the machine's apt
# configuration is read, never changed. A mirror can lack files, so each library is tried from its newest version in the
# index down to the oldest one that its script allows. One script a library lies in third_party/.
set -euo pipefail
umask 022

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
libraries=(libsolv fmt simdjson libarchive curl catch2)
tests_only=catch2
jobs=${HPCENV_JOBS:-2}
cache=${HPCENV_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/hpcenv-build}
# shellcheck source=/dev/null
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-unknown}")
suites=(bookworm trixie)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# cmake_build ARGUMENTS...: configures, builds and installs the unpacked source; for the library scripts.
cmake_build() {
  local launcher=()
  if command -v ccache >/dev/null; then
    launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  fi
  local flags="-O2 -g0 -ffunction-sections -fdata-sections"
  cmake -G Ninja -S "$source" -B "$work/build" -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib \
    -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags" -DBUILD_SHARED_LIBS=OFF \
    "${launcher[@]}" "$@"
  cmake --build "$work/build" -j "$jobs"
  cmake --install "$work/build"
}

# A prefix is named for all that decides what is in it.
prefix_key() {
  { cat "$here"/third_party/*.sh
    declare -f cmake_build
    echo "${libraries[*]} $codename ${suites[*]}"
    "${CXX:-g++}" -dumpfullversion
  } | sha256sum | cut -c1-16
}
prefix=$cache/third-party/$(prefix_key)

if [[ ${1:-} == --prefix ]]; then
  echo "$prefix"
  exit 0
fi

say() { printf 'third-party: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

# The archives that the machine's own apt uses, as "URI SUITE" lines.
# shellcheck disable=SC2016
debian_archives() {
  apt-get indextargets --no-release-info --format '$(SITE) $(RELEASE)' | sort -u
}

write_sources() {
  local uri suite wanted
  while read -r uri suite; do
    case $suite in
      "$codename") for wanted in "${suites[@]}"; do echo "$uri $wanted"; done ;;
      "$codename"-security) for wanted in "${suites[@]}"; do echo "$uri $wanted-security"; done ;;
    esac
  done < <(debian_archives) | sort -u | while read -r uri suite; do
    printf 'Types: deb-src\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n\n' "$uri" "$suite" "$keyring"
  done
}

apt_options=()
prepare_apt() {
  local apt=$cache/apt
  mkdir -p "$apt/parts" "$apt/lists/partial" "$apt/archives/partial"
  apt_options=(-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt/parts" -o "Dir::State::lists=$apt/lists"
    -o "Dir::Cache=$apt" -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=1)
  write_sources >"$apt/parts/hpcenv.sources.new"
  [[ -s $apt/parts/hpcenv.sources.new ]] || die "found no Debian archive for '$codename' in /etc/apt"
  if ! cmp -s "$apt/parts/hpcenv.sources.new" "$apt/parts/hpcenv.sources"; then
    rm -f "$apt/updated"
  fi
  mv "$apt/parts/hpcenv.sources.new" "$apt/parts/hpcenv.sources"
  if [[ -z $(find "$apt/updated" -mmin -720 2>/dev/null) ]]; then
    say "reading the index of Debian's sources"
    # One suite that cannot be reached must not stop the rest: what is missing shows when a library finds no version.
    apt-get "${apt_options[@]}" update >"$cache/log/apt.log" 2>&1 || say "apt-get update: see $cache/log/apt.log"
    touch "$apt/updated"
  fi
}

# fetch PACKAGE MINIMUM: downloads the newest version that comes whole into the folder $sources/PACKAGE_VERSION; sets
# `version` and `dsc`.
fetch() {
  local package=$1 minimum=$2 candidate folder
  local versions
  versions=$(apt-cache "${apt_options[@]}" showsrc --only-source "$package" 2>/dev/null |
    awk '$1 == "Version:" { print $2 }' | sort -u | sort -rV)
  for candidate in $versions; do
    dpkg --compare-versions "$candidate" ge "$minimum" || continue
    folder=$cache/sources/${package}_$candidate
    mkdir -p "$folder"
    if (cd "$folder" && apt-get "${apt_options[@]}" source --only-source --download-only "$package=$candidate" >&2); then
      dsc=$(echo "$folder"/*.dsc)
      version=$candidate
      return 0
    fi
    echo "$package $candidate does not come whole; trying an older one" >&2
  done
  echo "no version of $package from $minimum on comes whole from the archives in $cache/apt/parts" >&2
  return 1
}

build_library() {
  local name=$1 work=$cache/building/$1
  local package='' minimum='' version='' dsc='' source=$work/source
  # shellcheck source=/dev/null
  . "$here/third_party/$name.sh"
  rm -rf "$work"
  mkdir -p "$work"
  fetch "$package" "$minimum"
  dpkg-source --no-check -x "$dsc" "$source"
  build
  printf '%s %s\n' "$name" "$version" >"$prefix/.built/$name"
  rm -rf "$work"
}

mark=complete
[[ ${1:-} != --program ]] || mark=complete-program
is_done() { [[ -e $prefix/complete || -e $prefix/$mark ]]; }

mkdir -p "$cache/log" "$prefix/.built"
if is_done; then
  exit 0
fi
exec 9>"$cache/third-party.lock"
flock -n 9 || { say "another build is at work; waiting for it"; flock 9; }
if is_done; then
  exit 0
fi

prepare_apt
for library in "${libraries[@]}"; do
  [[ ! -e $prefix/.built/$library ]] || continue
  [[ $mark == complete || $library != "$tests_only" ]] || continue
  started=$SECONDS
  log=$cache/log/$library.log
  say "$library ..."
  # A child bash, because `set -e` is off inside a condition.
  set +e
  (set -e; build_library "$library") >"$log" 2>&1 9>&-
  status=$?
  set -e
  if ((status)); then
    tail -n 20 "$log" >&2
    rm -f "$cache/apt/updated"
    die "$library failed; the whole output is in $log"
  fi
  say "$(<"$prefix/.built/$library") built in $((SECONDS - started)) s"
done
cat "$prefix"/.built/* >"$prefix/versions"
touch "$prefix/$mark"
say "$mark: $prefix"
