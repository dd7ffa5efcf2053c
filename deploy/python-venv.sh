#!/bin/bash
# Makes a Python environment with what a file of requirements names, or leaves it as it is where nothing
# has changed: python-venv.sh FOLDER REQUIREMENTS
set -euo pipefail

folder=$1
requirements=$2
if cmp -s "$requirements" "$folder/requirements.txt"; then exit 0; fi
python3 -m venv --clear "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
# Last, so that a broken environment is made anew.
cp "$requirements" "$folder/requirements.txt"
