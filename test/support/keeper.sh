#!/bin/sh
# Holds what one test run makes: a folder and process groups. Usage: keeper.sh FOLDER
# The run writes a process-group id a line, and `-id` once that group has ended. When this pipe closes, because
# the run ended or was killed in any way, the groups are stopped and the folder removed. It is shell, so that
# killing every node spares it.
trap '' HUP INT TERM
folder=$1
groups=''
while read -r group; do
  case $group in
    -*) groups=$(printf '%s' " $groups " | sed "s/ ${group#-} / /") ;;
    *) groups="$groups $group" ;;
  esac
done

alive() {
  for group in $groups; do kill -s 0 -- "-$group" 2>/dev/null && return 0; done
  return 1
}
signal() {
  for group in $groups; do kill -s "$1" -- "-$group" 2>/dev/null; done
}

signal INT
tenths=0
while alive && [ "$tenths" -lt 50 ]; do
  sleep 0.1
  tenths=$((tenths + 1))
done
signal KILL
[ -z "$TEST_DATABASE_URL" ] || node "$(dirname "$0")/drop-databases.mjs" "$(basename "$folder")"
rm -rf -- "$folder"
