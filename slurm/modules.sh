# shellcheck shell=bash
# `module` is a function, which login shells other than bash do not hand on.
if ! type module >/dev/null 2>&1; then
  for hpcenv_modules in "${LMOD_PKG:-/usr/share/lmod/lmod}/init/bash" "${MODULESHOME:-/usr/share/modules}/init/bash" /etc/profile.d/{lmod,modules,z00_lmod,zz_lmod}.sh; do
    # shellcheck disable=SC1090
    if [[ -r $hpcenv_modules ]]; then . "$hpcenv_modules"; fi
    if type module >/dev/null 2>&1; then break; fi
  done
  unset -v hpcenv_modules
fi
