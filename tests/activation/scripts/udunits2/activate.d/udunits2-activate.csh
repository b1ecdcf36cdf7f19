if ($?UDUNITS2_XML_PATH) then
  setenv _CONDA_SET_UDUNITS2_XML_PATH "$UDUNITS2_XML_PATH"
endif
if (-f "$CONDA_PREFIX/share/udunits/udunits2.xml") setenv UDUNITS2_XML_PATH "$CONDA_PREFIX/share/udunits/udunits2.xml"
