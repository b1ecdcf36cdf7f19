#!/usr/bin/env bash
# Unpacks what the tests of shells and modules need: shell_tools.py says what.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec python3 -B "$here/shell_tools.py"
