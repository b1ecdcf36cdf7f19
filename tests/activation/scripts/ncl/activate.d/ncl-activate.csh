foreach _ncl_line (`env | grep '^NCARG_'`)
  set _ncl_name = `echo $_ncl_line | cut -d= -f1`
  setenv _CONDA_$_ncl_name `echo $_ncl_line | cut -d= -f2-`
  unsetenv $_ncl_name
end
setenv NCARG_ROOT $CONDA_PREFIX
setenv NCARG_LIB $CONDA_PREFIX/lib
