export FER_DIR="${CONDA_PREFIX}/share/ferret"
export FER_DATA=". ${FER_DIR}/data"
export FER_GO=". ${FER_DIR}/go"
export FER_PALETTE=". ${FER_DIR}/ppl"
export FER_DESCR=". ${FER_DIR}/data"
export SPECTRA="${FER_DIR}/ppl"
# Adds a directory of the user's to all of them.
Faddpath() {
  if [ -z "$1" ]; then
    echo "Faddpath DIRECTORY" >&2
    return 1
  fi
  export FER_GO="${FER_GO} $1" FER_DATA="${FER_DATA} $1" FER_PALETTE="${FER_PALETTE} $1"
}
