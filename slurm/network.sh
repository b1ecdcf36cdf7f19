# shellcheck shell=bash
# Nodes reach each other over @INTERFACE@, as was seen on one; what you set yourself stays.
[[ -n ${NCCL_SOCKET_IFNAME:-} ]] || export NCCL_SOCKET_IFNAME='@NCCL@'
[[ -n ${GLOO_SOCKET_IFNAME:-} ]] || export GLOO_SOCKET_IFNAME='@GLOO@'
[[ -n ${OMPI_MCA_btl_tcp_if_include:-} ]] || export OMPI_MCA_btl_tcp_if_include='@GLOO@'
