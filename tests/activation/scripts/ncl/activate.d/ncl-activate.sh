for _ncl_line in $(env | grep '^NCARG_'); do
  _ncl_name=${_ncl_line%%=*}
  export "_CONDA_${_ncl_name}=${_ncl_line#*=}"
  unset "$_ncl_name"
done
unset _ncl_line _ncl_name
export NCARG_ROOT="$(cd "$CONDA_PREFIX" && pwd)"
export NCARG_LIB="$NCARG_ROOT/lib"
