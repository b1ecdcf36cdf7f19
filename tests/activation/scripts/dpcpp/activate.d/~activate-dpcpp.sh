if [ "${CONDA_BUILD}" = "1" ]; then
  if [ ! -d "${BUILD_PREFIX}/x86_64-conda-linux-gnu/sysroot" ]; then
    echo "dpcpp: no sysroot" >&2
    exit 1
  fi
fi
export CC=icx CXX=icpx
export ICXCFG="${CONDA_PREFIX}/bin/icpx.cfg" ICPXCFG="${CONDA_PREFIX}/bin/icpx.cfg"
