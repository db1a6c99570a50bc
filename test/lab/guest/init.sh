#!/bin/busybox sh
# First process of the lab's guest, run from the initramfs. Makes the machine's own root file system, read-only
# over virtio-9p with a tmpfs overlay on top, the guest's root; then hands over to supervise.sh there.
export PATH=/bin
/bin/busybox mkdir -p /proc /sys /dev /sysroot /lower /upper
/bin/busybox --install -s /bin

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev

fail() {
  echo "LAB-FAILED $*" >/dev/console
  # Stays alive: the end of process 1 panics the kernel, which hides this message.
  while :; do sleep 3600; done
}

for word in $(cat /proc/cmdline); do
  if [ "$word" = lab.probe ]; then
    echo LAB-PROBE-OK >/dev/console
    poweroff -f
  fi
done

load() {
  while read -r name; do
    insmod "/modules/$name" || fail "module $name does not load"
  done <"/modules/$1.list"
}

. /lab.conf
load base
mount -t tmpfs -o mode=755 upper /upper
mkdir /upper/data /upper/work
# cache=loose: this side never sees the host change a file it has read, and Node starts twice as fast.
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro root /lower || fail 'the 9p root does not mount'
mount -t overlay -o lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work root /sysroot || fail 'no overlay'

# /tmp and /run are fresh below, so what the tests need from there is kept aside and put back.
mkdir -p /sysroot/proc /sysroot/sys /sysroot/dev /sysroot/tmp /sysroot/run /sysroot/data
mount -t tmpfs -o mode=1777 tmp /sysroot/tmp
mount -t tmpfs -o mode=755 run /sysroot/run
for folder in "$LAB_REPOSITORY" "$LAB_MODULES"; do
  case "$folder" in
    /tmp/* | /run/*) mkdir -p "/sysroot$folder" && mount --bind "/lower$folder" "/sysroot$folder" || fail "no $folder" ;;
  esac
done

mkdir -p /sysroot/lib/modules
if [ "$LAB_MODULES" != /lib/modules ]; then
  mount --bind "/lower$LAB_MODULES" /sysroot/lib/modules || fail "no kernel modules at $LAB_MODULES"
fi

load fuse
if [ -e /sys/block/vda ]; then
  load disk
  mount -t ext4 /dev/vda /sysroot/data || fail 'the data disk does not mount'
fi

ifconfig lo 127.0.0.1 up
if [ -e /sys/class/net/eth0 ]; then
  ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
  route add default gw 10.0.2.2
fi

mount --move /proc /sysroot/proc
mount --move /sys /sysroot/sys
mount --move /dev /sysroot/dev
mkdir -p /sysroot/dev/pts /sysroot/dev/shm /sysroot/dev/virtio-ports /sysroot/run/lab/bin /sysroot/run/lab/jobs
mount -t devpts devpts /sysroot/dev/pts
mount -t tmpfs shm /sysroot/dev/shm
ln -sf /proc/self/fd /sysroot/dev/fd

# What udev does elsewhere: a port's device by its name.
for port in /sysroot/sys/class/virtio-ports/*; do
  [ -e "$port/name" ] && ln -sf "../${port##*/}" "/sysroot/dev/virtio-ports/$(cat "$port/name")"
done

cp /bin/busybox /supervise.sh /commands.sh /job.sh /sysroot/run/lab/
/bin/busybox ln -s ../busybox /sysroot/run/lab/bin/sh
hostname causeway-lab
exec switch_root /sysroot /run/lab/busybox sh /run/lab/supervise.sh
