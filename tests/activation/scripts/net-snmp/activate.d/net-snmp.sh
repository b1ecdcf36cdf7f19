export MIBDIRS="${MIBDIRS:+$MIBDIRS:}$CONDA_PREFIX/share/snmp/mibs"
