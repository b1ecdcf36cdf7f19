if [ -n "${GMXBIN}" ]; then
  PATH="$(echo "${PATH}" | tr : '\n' | grep -vxF "${GMXBIN}" | paste -sd:)"
  export PATH
fi
unset GMXBIN GMXDATA GMXLDLIB GMXMAN GROMACS_DIR
