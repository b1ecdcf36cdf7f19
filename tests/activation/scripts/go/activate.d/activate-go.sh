export GOOS=linux
export GOARCH=amd64
export GOFLAGS="-modcacherw -ldflags=-compressdwarf=false"
export CGO_ENABLED=1
if [ -n "${GOROOT}" ]; then export CONDA_BACKUP_GOROOT="${GOROOT}"; fi
export GOROOT="${CONDA_PREFIX}/go"
