#!/bin/sh
# Print the newest Python >= 3.11 that can create a virtual environment; fail if there is none.
# Usage: find-python.sh [PYTHON]. If PYTHON is given, only that one is tried.
candidates=${1:-"python3.14 python3.13 python3.12 python3.11 python3 python"}
for candidate in $candidates; do
    path=$(command -v "$candidate") || continue
    "$path" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    echo "$path"
    exit 0
done
echo "jobgate needs Python 3.11 or newer with its venv module; tried: $candidates." >&2
echo "Install it, or give its path: make PYTHON=/path/to/python3.12" >&2
exit 1
