unset NCARG_ROOT NCARG_LIB
for _ncl_line in $(env | grep '^_CONDA_NCARG_'); do
  _ncl_name=${_ncl_line%%=*}
  export "${_ncl_name#_CONDA_}=${_ncl_line#*=}"
  unset "$_ncl_name"
done
unset _ncl_line _ncl_name
