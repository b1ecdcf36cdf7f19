export DOTNET_ROOT="${CONDA_PREFIX}/lib/dotnet"
export DOTNET_TOOLS="${DOTNET_ROOT}/tools"
export DOTNET_CLI_TELEMETRY_OPTOUT=1
export DOTNET_ADD_GLOBAL_TOOLS_TO_PATH=false
export MSBuildSDKsPath="${DOTNET_ROOT}/sdk/9.0/Sdks"

# Each element once, the first of it.
_dotnet_kept=""
_dotnet_rest="${DOTNET_ROOT}:${DOTNET_TOOLS}:${PATH}:"
while [ -n "${_dotnet_rest}" ]; do
  _dotnet_item="${_dotnet_rest%%:*}"
  _dotnet_rest="${_dotnet_rest#*:}"
  case ":${_dotnet_kept}:" in
    *:"${_dotnet_item}":*) ;;
    *) _dotnet_kept="${_dotnet_kept:+${_dotnet_kept}:}${_dotnet_item}" ;;
  esac
done
export PATH="${_dotnet_kept}"
unset _dotnet_kept _dotnet_rest _dotnet_item
