MIBDIRS="${MIBDIRS%"$CONDA_PREFIX/share/snmp/mibs"}"
MIBDIRS="${MIBDIRS%:}"
if [ -n "$MIBDIRS" ]; then export MIBDIRS; else unset MIBDIRS; fi
