if [ "${CONDA_BUILD}" = "1" ] && [ "${target_platform}" != "${build_platform}" ]; then
  # Within conda-build for another machine nothing here can run.
  unset PYTHONHOME PYTHONPATH
else
  source "${CONDA_PREFIX}/setup.sh"
fi
export ROS_OS_OVERRIDE="conda:linux"
export ROS_ETC_DIR="${CONDA_PREFIX}/etc/ros"
