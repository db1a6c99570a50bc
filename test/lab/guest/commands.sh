# The lab's command loop in the guest. Requests arrive on the port org.causeway.lab, one a line:
#   <boot> run|start <id> <base64 of a shell script>      <boot> kill <id>
# Answers leave it, one a line:
#   ready <boot>                                          once, when the loop starts
#   done <id> <exit code> <process id> <base64 of stdout, or -> <base64 of stderr, or ->
# <boot> is an identifier drawn by the guest: a request written to an earlier boot is dropped.
box=/run/lab/busybox
jobs=/run/lab/jobs
port=/dev/virtio-ports/org.causeway.lab
read -r boot </proc/sys/kernel/random/uuid

exec 3<>"$port" || exit 1
[ -p /run/lab/answers ] || $box mkfifo /run/lab/answers
exec 4<>/run/lab/answers

# One writer, so that answers do not mix: jobs pass their id through the FIFO (atomic up to 4 KiB).
(
  while read -r id <&4; do
    $box cat "$jobs/$id/answer" >&3
    : >"$jobs/$id/answer"
  done
) &

echo "ready $boot" >&3
while :; do
  if ! read -r to verb id script <&3; then
    # Nobody is connected on the host's side.
    $box sleep 0.2
    continue
  fi
  [ "$to" = "$boot" ] || continue
  case "$verb" in
    run | start)
      $box mkdir -p "$jobs/$id"
      # start-stop-daemon rather than `&`: a shell's background jobs ignore SIGINT for ever.
      LAB_SCRIPT=$script $box start-stop-daemon -S -b -p "$jobs/$id/none" -x $box -- sh /run/lab/job.sh "$verb" "$id"
      ;;
    kill)
      [ -e "$jobs/$id/pid" ] && read -r pid <"$jobs/$id/pid" && kill -KILL "-$pid"
      ;;
  esac
done
