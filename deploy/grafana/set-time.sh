#!/bin/sh
# Copy the dashboards from one folder to another, and let emotions.json open on the time of the comments in the store, from
# the first day to the last: Grafana has no setting for that. Where there are no comments yet, its time stays as it is.
#
#   PGHOST=… PGUSER=grafana_reader PGPASSWORD=… PGDATABASE=moodmill sh set-time.sh FROM TO
set -eu
board=$1/emotions.json
export board
cp "$1/operations.json" "$2/operations.part"
psql --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 > "$2/emotions.part" <<'END'
\set board `cat "$board"`
select case when min(day) is null then :'board'::jsonb else jsonb_set(:'board', '{time}', jsonb_build_object(
    'from', to_char(min(day), 'YYYY-MM-DD"T00:00:00.000Z"'),
    'to', to_char(max(day), 'YYYY-MM-DD"T23:59:59.999Z"'))) end
from emotion_by_day where emotion = 'joy'; -- each emotion has a row for each day
END
for part in "$2"/*.part; do
    mv "$part" "${part%.part}.json" # Grafana reads it at any moment, and so whole
done
