# Sources what the packages of the distribution say, in their order.
COLCON_CURRENT_PREFIX="@PREFIX@"
_ros_prepend_unique() {
  _listname="$1"
  _value="$2"
  eval _values="\"\$${_listname}\""
  _all="${_value}"
  IFS=":"
  for _item in ${_values}; do
    if [ -n "${_item}" ] && [ "${_item}" != "${_value}" ]; then
      _all="${_all}:${_item}"
    fi
  done
  unset IFS
  eval export "${_listname}=\"${_all}\""
  unset _listname _value _values _all _item
}
for _ros_file in "${COLCON_CURRENT_PREFIX}"/share/*/local_setup.dsv; do
  while IFS=";" read -r _ros_kind _ros_name _ros_sub; do
    case "${_ros_kind}" in
      set) export "${_ros_name}=${_ros_sub}" ;;
      prepend-non-duplicate) _ros_prepend_unique "${_ros_name}" "${COLCON_CURRENT_PREFIX}${_ros_sub:+/${_ros_sub}}" ;;
    esac
  done < "${_ros_file}"
done
unset COLCON_CURRENT_PREFIX _ros_file _ros_kind _ros_name _ros_sub
unset -f _ros_prepend_unique
