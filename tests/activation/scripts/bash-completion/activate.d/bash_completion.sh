if [ "x${BASH_VERSION-}" != x ] && [ "x${PS1-}" != x ]; then
  shopt -q progcomp && [ -r "${CONDA_PREFIX}/share/bash-completion/bash_completion" ] &&
    . "${CONDA_PREFIX}/share/bash-completion/bash_completion"
fi
