if [ "${UDUNITS2_XML_PATH}" ]; then
  export _CONDA_SET_UDUNITS2_XML_PATH="${UDUNITS2_XML_PATH}"
fi
for _ud_file in "${CONDA_PREFIX}/share/udunits/udunits2.xml" "${CONDA_PREFIX}/Library/share/udunits/udunits2.xml"; do
  if [ -f "${_ud_file}" ]; then
    export UDUNITS2_XML_PATH="${_ud_file}"
    break
  fi
done
unset _ud_file
