#!/bin/sh
# Call the example functions with curl:
#   sh examples/call_with_curl.sh [URL]
# The URL is a gateway's, by default http://127.0.0.1:8080 as `make run` serves it.
set -eu
base=${1:-http://127.0.0.1:8080}

# Wait up to five seconds for the result.
curl -sS -X POST "$base/jobs/count_words" -H 'Prefer: wait=5' -d '{"args":["README.md"]}'
echo

# Enqueue under an id of one's own, look at it, then wait for the result by long poll.
id="report-$(date +%s)-$$"
curl -sS -X POST "$base/jobs/slow_report" -d "{\"args\":[1],\"job_id\":\"$id\"}"
echo
curl -sS "$base/jobs/$id/status"
echo
curl -sS "$base/jobs/$id/result?wait=10"
echo

# Stop a job.
curl -sS -X POST "$base/jobs/slow_report" -d "{\"args\":[60],\"job_id\":\"$id-long\"}"
echo
curl -sS -X POST "$base/jobs/$id-long/abort?wait=10"
echo
