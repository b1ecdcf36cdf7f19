export WM_PROJECT=OpenFOAM WM_PROJECT_VERSION=v2412
export WM_ARCH=linux64 WM_COMPILER=Gcc WM_PRECISION_OPTION=DP WM_LABEL_SIZE=32 WM_COMPILE_OPTION=Opt
export WM_COMPILER_TYPE=system WM_MPLIB=SYSTEMOPENMPI FOAM_API=2412
export WM_OPTIONS="${WM_ARCH}${WM_COMPILER}${WM_PRECISION_OPTION}Int${WM_LABEL_SIZE}${WM_COMPILE_OPTION}"
export WM_PROJECT_DIR="${CONDA_PREFIX}/opt/${WM_PROJECT}-${WM_PROJECT_VERSION}"
export WM_PROJECT_USER_DIR="${HOME}/${WM_PROJECT}/${FOAM_USER:-nobody}-${WM_PROJECT_VERSION}"
export WM_DIR="${WM_PROJECT_DIR}/wmake"
for _foam_pair in APP:applications SRC:src ETC:etc SOLVERS:applications/solvers UTILITIES:applications/utilities TUTORIALS:tutorials; do
  export "FOAM_${_foam_pair%%:*}=${WM_PROJECT_DIR}/${_foam_pair#*:}"
done
for _foam_pair in APPBIN:bin LIBBIN:lib; do
  export "FOAM_${_foam_pair%%:*}=${WM_PROJECT_DIR}/platforms/${WM_OPTIONS}/${_foam_pair#*:}"
  export "FOAM_USER_${_foam_pair%%:*}=${WM_PROJECT_USER_DIR}/platforms/${WM_OPTIONS}/${_foam_pair#*:}"
done
export FOAM_RUN="${WM_PROJECT_USER_DIR}/run" FOAM_SITE_DIR="${CONDA_PREFIX}/opt/site"
unset _foam_pair
