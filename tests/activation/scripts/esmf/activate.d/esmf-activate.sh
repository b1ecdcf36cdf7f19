if [[ -n "$ESMFMKFILE" ]]; then
  export _CONDA_SET_ESMFMKFILE=$ESMFMKFILE
fi
if [ -f "$CONDA_PREFIX/lib/esmf.mk" ]; then
  export ESMFMKFILE="$CONDA_PREFIX/lib/esmf.mk"
fi
