if [ "${CONDA_BUILD:-}" = "1" ] || [ -n "${PKG_NAME:-}" ]; then
  export OPAL_PREFIX="${PREFIX:-${CONDA_PREFIX}}"
  export OMPI_MCA_plm_rsh_agent=false
  export OMPI_MCA_btl_tcp_if_include=lo
fi
