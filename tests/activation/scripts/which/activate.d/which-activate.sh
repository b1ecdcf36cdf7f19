if [ -n "${BASH_VERSION}" ]; then
  unalias which 2>/dev/null
  which() {
    (alias; declare -f) | "${CONDA_PREFIX}/bin/which" --tty-only --read-alias --read-functions --show-tilde --show-dot "$@"
  }
fi
true
