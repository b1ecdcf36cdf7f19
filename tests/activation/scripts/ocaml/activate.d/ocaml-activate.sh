: "${OCAMLLIB:=$CONDA_PREFIX/lib/ocaml}"
export OCAMLLIB
_oc_cc="${CC:-gcc}"
export CONDA_OCAML_CC="${CONDA_OCAML_CC:-${_oc_cc##*/}}"
export CONDA_OCAML_AS="${CONDA_OCAML_AS:-as}"
export CONDA_OCAML_AR="${CONDA_OCAML_AR:-ar}"
export CONDA_OCAML_RANLIB="${CONDA_OCAML_RANLIB:-ranlib}"
export CONDA_OCAML_MKEXE="${CONDA_OCAML_MKEXE:-${CONDA_OCAML_CC} -Wl,-E -ldl}"
export CONDA_OCAML_MKDLL="${CONDA_OCAML_MKDLL:-${CONDA_OCAML_CC} -shared}"
unset _oc_cc
