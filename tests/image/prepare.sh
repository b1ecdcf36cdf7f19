#!/usr/bin/env bash
# A small Debian as an image to build on, made once: $HPCENV_CACHE/images/KEY/{debian (OCI layout), debian.tar (its root)}.
# prepare.sh --path prints the folder, makes nothing.
set -euo pipefail
umask 022
cache=${HPCENV_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/hpcenv-build}
# shellcheck source=/dev/null
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-unknown}")
folder=$cache/images/$({ cat "${BASH_SOURCE[0]}"; echo "$codename"; } | sha256sum | cut -c1-16)
if [[ ${1:-} == --path ]]; then
  echo "$folder"
  exit 0
fi
[[ ! -e $folder/complete ]] || exit 0

mkdir -p "$cache/images"
work=$(mktemp -d -p "$cache/images")
trap 'rm -rf "$work"' EXIT
# Where this machine's apt gets its packages from.
# shellcheck disable=SC2016
mirror=$(apt-get indextargets --no-release-info --format '$(SITE) $(RELEASE)' | awk -v suite="$codename" '$2 == suite { print $1; exit }')
# With merged /usr, certificates, no manuals. The date makes it the same each time.
SOURCE_DATE_EPOCH=1700000000 mmdebstrap --variant=essential --include=ca-certificates \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' "$codename" "$work/debian.tar" "$mirror"
umoci init --layout "$work/debian"
umoci new --image "$work/debian:base"
umoci raw add-layer --image "$work/debian:base" "$work/debian.tar"
umoci config --image "$work/debian:base" --os linux --architecture "$(dpkg --print-architecture)" \
  --config.env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --config.cmd bash
umoci gc --layout "$work/debian"
chmod -R go+rX "$work"
touch "$work/complete"
mv -T "$work" "$folder" || [[ -e $folder/complete ]]
