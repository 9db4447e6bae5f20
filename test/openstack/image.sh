#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the guest image of the bench and uploads it to Glance: Debian 12 with
# systemd, cloud-init, sshd and the agent, no way to the internet, and an apt
# repository of its own at file:/srv/apt which has apache2.
#
#   image.sh root         only the root tree, for guests in containers; prints its path
#   image.sh build        root tree, then image; each only when its inputs changed
#   image.sh root         the root tree alone, without the agent; prints its path
#   image.sh upload       build, and upload as murano-debian-12 when Glance has another one
#
# AGENT_DEB names the agent's package. Without it, AGENT_BIN (default: built from
# this checkout) and AGENT_UNIT (default: packaging/systemd/murano-agent.service)
# are copied.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$HERE/../.." && pwd)
GO_PATH=$PATH
. "$HERE/lib.sh"
. "$HERE/packages.sh"

SUITE=bookworm
PACKAGES=systemd,systemd-sysv,systemd-resolved,libnss-resolve,libpam-systemd,dbus,udev,kmod,init,iproute2,procps,ca-certificates,netbase,cloud-init,openssh-server
OFFLINE=apache2        # what the guest's own repository has, dependencies included
NAME=murano-debian-12

digest() { cat "$@" | sha256sum | cut -c1-16; }

# build_root DIRECTORY: root tree beside vmlinuz and initrd.
build_root() {
  local out=$1 new=$1.new
  rm -rf "$new"; mkdir -p "$new"
  mmdebstrap --quiet --mode=root --variant=minbase --format=directory --include="$PACKAGES" \
    --aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --skip=cleanup/apt/lists --customize-hook="$HERE/image-root.sh \"\$1\" '$new' '$OFFLINE'" \
    $SUITE "$new/root" "$("$HERE/../archive.sh")"
  make_initrd "$new/root" "$new/initrd"
  rm -rf "$out"; mv "$new" "$out"
}

# make_initrd ROOT OUT: busybox, the modules of disk and config drive, an init that mounts /dev/vda.
make_initrd() {
  local root=$1 out=$2 kernel module file tmp
  kernel=$(ls "$root/lib/modules")
  tmp=$(mktemp -d)
  mkdir -p "$tmp"/{bin,dev,proc,newroot,modules}
  cp "$(command -v busybox)" "$tmp/bin/busybox"
  : >"$tmp/modules/order"
  for module in virtio_pci virtio_blk ext4 crc32c_generic virtio_scsi sr_mod isofs; do
    for file in $(modprobe -d "$root" -S "$kernel" -D "$module" 2>/dev/null | awk '$1 == "insmod" {print $2}'); do
      grep -qx "${file##*/}" "$tmp/modules/order" && continue
      cp "$file" "$tmp/modules/"
      echo "${file##*/}" >>"$tmp/modules/order"
    done
  done
  cat >"$tmp/init" <<'I'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
while read -r m; do /bin/busybox insmod "/modules/$m" 2>/dev/null; done </modules/order
i=0; while [ ! -b /dev/vda ] && [ $i -lt 500 ]; do /bin/busybox usleep 20000; i=$((i+1)); done
/bin/busybox mount -t ext4 -o rw,noatime /dev/vda /newroot || exec /bin/busybox sh
/bin/busybox mount --move /dev /newroot/dev
/bin/busybox umount /proc
exec /bin/busybox switch_root /newroot /sbin/init
I
  chmod 755 "$tmp/init"
  (cd "$tmp" && find . | cpio -o -H newc --quiet) >"$out"
  rm -rf "$tmp"
}

# build_image ROOT OUT: the root tree and the agent in an ext4 image without a partition table.
build_image() {
  local root=$1 out=$2 tree=$VAR/image-tree
  rm -rf "$tree"
  cp -a "$root" "$tree"
  if [ -n "${AGENT_DEB:-}" ]; then
    cp "$AGENT_DEB" "$tree/tmp/agent.deb"
    # started at boot, not here
    printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"; chmod 755 "$tree/usr/sbin/policy-rc.d"
    chroot "$tree" dpkg --force-unsafe-io -i /tmp/agent.deb
    rm "$tree/usr/sbin/policy-rc.d" "$tree/tmp/agent.deb"
  else
    install -D -m 755 "$AGENT_BIN" "$tree/usr/bin/murano-agent"
    install -D -m 644 "$AGENT_UNIT" "$tree/lib/systemd/system/murano-agent.service"
    install -d -m 700 "$tree/etc/murano" "$tree/var/murano"
  fi
  chroot "$tree" systemctl enable murano-agent.service
  rm -f "$out.raw"
  truncate -s 1200M "$out.raw"
  mke2fs -q -t ext4 -F -L root -d "$tree" -E lazy_itable_init=1,nodiscard -m 0 "$out.raw"
  qemu-img convert -f raw -O qcow2 "$out.raw" "$out.new"
  rm -rf "$tree" "$out.raw"
  mv "$out.new" "$out"
}

root_tree() {
  # shellcheck disable=SC2086
  install_packages $PACKAGES_IMAGE
  ROOT=$CACHE/root-$(digest "$HERE/image.sh" "$HERE/image-root.sh")
  if [ ! -d "$ROOT" ]; then
    find "$CACHE" -maxdepth 1 -name 'root-*' -exec rm -rf {} +
    logged image-root build_root "$ROOT"
    say "root tree built"
  fi
}

build() {
  install_packages qemu-utils
  root_tree
  local inputs=("$HERE/image.sh" "$HERE/image-root.sh")
  if [ -n "${AGENT_DEB:-}" ]; then
    inputs+=("$AGENT_DEB")
  else
    AGENT_UNIT=${AGENT_UNIT:-$TOP/packaging/systemd/murano-agent.service}
    if [ -z "${AGENT_BIN:-}" ]; then
      AGENT_BIN=$VAR/murano-agent
      (cd "$TOP" && PATH=$GO_PATH CGO_ENABLED=0 GOOS=linux GOARCH=amd64 go build -trimpath -ldflags '-s -w' -o "$AGENT_BIN" ./cmd/murano-agent) || die "go build ./cmd/murano-agent"
    fi
    inputs+=("$AGENT_BIN" "$AGENT_UNIT")
  fi
  IMAGE=$CACHE/image-$(digest "${inputs[@]}").qcow2
  [ -s "$IMAGE" ] && return 0
  find "$CACHE" -maxdepth 1 -name 'image-*' -delete
  logged image build_image "$ROOT/root" "$IMAGE"
  say "image built: $(du -m "$IMAGE" | cut -f1) MiB"
}

# The cloud kernel has no AHCI, so the config drive is on SCSI. The kernel is booted directly, so there is no boot loader; q35 and a CPU
# without virtualisation boot fastest without KVM (qemu 7.2 measured).
upload() {
  local version kernel initrd
  version=$(basename "$IMAGE" .qcow2)
  api image-id $NAME "murano_version=$version" >/dev/null 2>&1 && return 0
  kernel=$(api image $NAME-kernel "$ROOT/vmlinuz" aki aki)
  initrd=$(api image $NAME-initrd "$ROOT/initrd" ari ari)
  api image $NAME "$IMAGE" qcow2 bare "kernel_id=$kernel" "ramdisk_id=$initrd" "murano_version=$version" \
    img_hv_type=qemu hw_machine_type=q35 hw_rng_model=virtio hw_cdrom_bus=scsi hw_scsi_model=virtio-scsi \
    'os_command_line=root=/dev/vda rw console=ttyS0,115200 quiet mitigations=off nokaslr no_timer_check tsc=reliable random.trust_cpu=on' >/dev/null
  say "image uploaded as $NAME"
}

case ${1:-} in
  root) root_tree >&2; echo "$ROOT/root" ;;
  build) build ;;
  upload) build; upload ;;
  *) sed -n '3,14s/^# \?//p' "${BASH_SOURCE[0]}"; exit 2 ;;
esac
