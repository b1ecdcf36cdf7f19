set -q UDUNITS2_XML_PATH; and set -gx _CONDA_SET_UDUNITS2_XML_PATH "$UDUNITS2_XML_PATH"
test -f "$CONDA_PREFIX/share/udunits/udunits2.xml"; and set -gx UDUNITS2_XML_PATH "$CONDA_PREFIX/share/udunits/udunits2.xml"
