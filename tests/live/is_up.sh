#!/bin/sh
# Is a host up, how much does it lose, how far is it? Written for iputils' ping.
PING=${PING:-ping}
HOST=${1:?host}
OUT=$(mktemp)
trap 'rm -f "$OUT"' EXIT

if ! $PING -c 1 -W 5 -q "$HOST" >/dev/null 2>&1; then
	echo "$HOST is down"
	exit 1
fi
$PING -n -i 0.2 "$HOST" >"$OUT" 2>&1 &
PID=$!
sleep "${2:-5}"
kill -INT $PID
wait $PID
STATUS=$?
LOSS=$(sed -n 's/.*, \([0-9.]*\)% packet loss.*/\1/p' "$OUT")
AVERAGE=$(awk -F/ '/^rtt/ { print $5 }' "$OUT")
FIRST=$(head -n 2 "$OUT" | tail -n 1 | sed 's/.*time=\([0-9.]*\) ms/\1/')
echo "$HOST: status $STATUS, $LOSS % lost, average $AVERAGE ms, first $FIRST ms"
