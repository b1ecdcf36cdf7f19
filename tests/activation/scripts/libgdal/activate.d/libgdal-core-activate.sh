# What the user has is put by.
if [ -n "${GDAL_DATA+x}" ]; then
  export _CONDA_SET_GDAL_DATA_BEFORE="${GDAL_DATA}"
fi
if [ -n "${GDAL_DRIVER_PATH+x}" ]; then
  export _CONDA_SET_GDAL_DRIVER_PATH_BEFORE="${GDAL_DRIVER_PATH}"
fi
if [ -d "${CONDA_PREFIX}/share/gdal" ]; then
  export GDAL_DATA="${CONDA_PREFIX}/share/gdal"
fi
if [ -d "${CONDA_PREFIX}/lib/gdalplugins" ]; then
  export GDAL_DRIVER_PATH="${CONDA_PREFIX}/lib/gdalplugins"
fi
if [ -z "${CPL_ZIP_ENCODING}" ]; then
  export CPL_ZIP_ENCODING=UTF-8
  export _CONDA_SET_CPL_ZIP_ENCODING=1
fi
if [ -n "${PS1}" ] && [ -n "${BASH_VERSION}" ] && [ -r "${CONDA_PREFIX}/share/bash-completion/completions/gdalinfo" ]; then
  . "${CONDA_PREFIX}/share/bash-completion/completions/gdalinfo"
fi
