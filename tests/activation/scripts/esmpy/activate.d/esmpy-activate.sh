if [ -n "$ESMFMKFILE" ]; then
    export _CONDA_SET_ESMFMKFILE="$ESMFMKFILE"
fi
export ESMFMKFILE="$CONDA_PREFIX/lib/esmf.mk"
