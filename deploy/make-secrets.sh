#!/bin/sh
# Make the passwords that docker-compose.yml reads, in ./secrets. What is there already stays as it is.
#
# The folder is yours alone. The files in it may be read by anybody who gets there, because the users of the containers,
# into which each is mounted alone, are others than you.
set -eu
umask 077
cd "$(dirname "$0")/.."
mkdir -p secrets
for name in postgres_password redis_password grafana_password grafana_reader_password; do
    if [ -e "secrets/$name" ]; then
        echo "secrets/$name is there: left as it is"
    else
        # Letters and digits only, of 192 random bits: no program that reads it has to quote it.
        # It has its name once it is whole and on the disk: an empty one would be left as it is, and lock you out.
        part="secrets/.$name.part"
        rm -f "$part"
        od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > "$part"
        chmod 444 "$part"
        sync "$part"
        mv "$part" "secrets/$name"
        echo "secrets/$name made"
    fi
done
sync secrets
