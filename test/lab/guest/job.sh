# Runs one script of the lab: LAB_SCRIPT=<base64> job.sh run|start ID. Either way the script leads a session, so that a kill of its
# process group reaches what it starts.
box=/run/lab/busybox
verb=$1 id=$2
job=/run/lab/jobs/$id
exec 3<&- 4<&-
cd /
# By path: the shell of busybox would run its own applets, here and in the script, in place of the machine's tools.
script=$(echo "$LAB_SCRIPT" | $box base64 -d)
unset LAB_SCRIPT

if [ "$verb" = start ]; then
  echo $$ >"$job/pid"
  echo "done $id 0 $$ - -" >"$job/answer"
  echo "$id" >/run/lab/answers
  exec $box setsid /bin/sh -c "$script" </dev/null >"$job/stdout" 2>"$job/stderr"
fi

# The script leads a session of its own, so that this shell is left to answer when the script is killed.
$box setsid $box sh -c 'echo $$ >"$1/pid"; exec /bin/sh -c "$2"' sh "$job" "$script" </dev/null >"$job/stdout" 2>"$job/stderr"
code=$?
encode() {
  if [ -s "$1" ]; then $box base64 -w 0 "$1"; else echo -; fi
}
echo "done $id $code 0 $(encode "$job/stdout") $(encode "$job/stderr")" >"$job/answer"
echo "$id" >/run/lab/answers
