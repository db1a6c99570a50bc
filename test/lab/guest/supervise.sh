# Process 1 after the root is switched: keeps the command loop running and, because a shell that waits collects
# every child, takes in the orphans that tests leave.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
umask 022
cd /
while :; do
  /run/lab/busybox sh /run/lab/commands.sh
  echo 'LAB command loop ended' >/dev/console
  /run/lab/busybox sleep 1
done
