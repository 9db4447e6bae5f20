#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# image-root.sh ROOT OUT OFFLINE: settings inside the guest's root tree, its kernel to OUT/vmlinuz,
# the packages of OFFLINE into its own repository. mmdebstrap runs it for image.sh.
set -euo pipefail
R=$1 OUT=$2 OFFLINE=$3

# apt of this machine, for it has the way to the archive, with the settings of the root tree
outside() { (cd "$1" && shift && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG "$@"); }

# A repository inside the guest, so that a package's script installs for real without a network.
mkdir -p "$R/srv/apt/partial"
# shellcheck disable=SC2086
outside "$R" apt-get -q -y --no-install-recommends --download-only -o Dir::Cache::archives="$R/srv/apt" install $OFFLINE
rm -rf "$R/srv/apt/partial" "$R/srv/apt/lock"

# The kernel without its maintainer scripts: they would make an initramfs.
KERNEL=$(outside "$R" apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-.*\)/\1/p' | head -n 1)
outside "$R/tmp" apt-get -q download "$KERNEL"
mkdir "$R/tmp/kernel"
dpkg-deb -x "$R"/tmp/linux-image-*.deb "$R/tmp/kernel"
cp "$R"/tmp/kernel/boot/vmlinuz-* "$OUT/vmlinuz"
mkdir -p "$R/lib/modules"
mv "$R"/tmp/kernel/lib/modules/* "$R/lib/modules/"
rm -rf "$R/tmp/kernel" "$R"/tmp/*.deb
# udev would load these by the CPU's flags: 7 to 10 s of CPU time without KVM (qemu 7.2 measured)
rm -rf "$R"/lib/modules/*/kernel/arch/x86/{kvm,crypto} "$R"/lib/modules/*/kernel/drivers/cpufreq "$R"/lib/modules/*/kernel/drivers/powercap
depmod -b "$R" "$(ls "$R/lib/modules")"

(cd "$R/srv/apt" && dpkg-scanpackages -m . >Packages 2>/dev/null)
rm -rf "$R"/etc/apt/sources.list "$R"/etc/apt/sources.list.d/* "$R"/var/lib/apt/lists/*
echo 'deb [trusted=yes] file:/srv/apt ./' >"$R/etc/apt/sources.list"
chroot "$R" apt-get -q update

# a disk that is thrown away needs no fsync for each file of a package
echo force-unsafe-io >"$R/etc/dpkg/dpkg.cfg.d/bench"

echo guest >"$R/etc/hostname"
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost\n' >"$R/etc/hosts"
: >"$R/etc/machine-id"
rm -f "$R/var/lib/dbus/machine-id" "$R"/etc/ssh/ssh_host_*
printf '/dev/vda / ext4 rw,noatime 0 0\n' >"$R/etc/fstab"
ln -sf ../run/systemd/resolve/stub-resolv.conf "$R/etc/resolv.conf"
chroot "$R" systemctl enable systemd-networkd systemd-resolved

# cloud-init: what Nova offers here, and only the modules a guest of the bench uses.
cat >"$R/etc/cloud/cloud.cfg.d/90_bench.cfg" <<'C'
datasource_list: [ ConfigDrive, None ]
apt: { preserve_sources_list: true }
ssh_genkeytypes: [ ed25519 ]
disable_root: false
no_ssh_fingerprints: true
ssh: { emit_keys_to_console: false }
manage_etc_hosts: true
growpart: { mode: "off" }
resize_rootfs: false
locale: C.UTF-8
cloud_init_modules: [ bootcmd, write-files, set_hostname, update_etc_hosts, users-groups, ssh ]
cloud_config_modules: [ runcmd ]
cloud_final_modules: [ write-files-deferred, scripts-per-once, scripts-per-boot, scripts-per-instance, scripts-user, final-message ]
system_info:
  default_user: { name: root, lock_passwd: true, shell: /bin/bash }
  network: { renderers: [ networkd ] }
C
chroot "$R" systemctl disable systemd-networkd-wait-online apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
  e2scrub_all.timer e2scrub_reap fstrim.timer 2>/dev/null || true
# units which cost boot time and give the bench nothing
chroot "$R" systemctl mask systemd-binfmt.service systemd-pstore.service systemd-network-generator.service \
  modprobe@configfs.service modprobe@dm_mod.service modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service \
  modprobe@loop.service sys-kernel-tracing.mount sys-kernel-debug.mount sys-kernel-config.mount sys-fs-fuse-connections.mount \
  dev-hugepages.mount proc-sys-fs-binfmt_misc.automount systemd-update-utmp.service systemd-update-utmp-runlevel.service \
  cloud-init-hotplugd.socket getty@tty1.service
mkdir -p "$R/etc/systemd/journald.conf.d"

printf '[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\n' >"$R/etc/systemd/journald.conf.d/bench.conf"
rm -rf "$R"/var/cache/apt/*.bin "$R"/var/log/*.log "$R"/var/log/apt
