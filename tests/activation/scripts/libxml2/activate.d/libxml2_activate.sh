# No blanks and such in a URL.
_xml_place="${CONDA_PREFIX//%/%25}"
_xml_place="${_xml_place// /%20}"
xml_catalog_files_libxml2="${XML_CATALOG_FILES-}"
if [ -n "${XML_CATALOG_FILES-}" ]; then
  XML_CATALOG_FILES="${XML_CATALOG_FILES} file://${_xml_place}/etc/xml/catalog"
else
  XML_CATALOG_FILES="file://${_xml_place}/etc/xml/catalog file:///etc/xml/catalog"
fi
export XML_CATALOG_FILES
unset _xml_place
