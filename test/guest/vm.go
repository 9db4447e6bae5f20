// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A VM is a guest with a kernel of its own, under software emulation: slow, and
// honest about power. It reaches this machine's loopback at VMHost.
type VM struct {
	Dir            string // of its disk and its console
	Kernel, Initrd string

	cmd *exec.Cmd
}

// VMHost is this machine's loopback, seen from a VM (qemu's user network).
const VMHost = "10.0.2.2"

// MakeDisk makes the VM's disk of root with layer over it and then files, by
// their path in the guest. It needs no loop device: mke2fs fills it.
func (v *VM) MakeDisk(ctx context.Context, root, layer string, files map[string]string) error {
	upper, merged := filepath.Join(v.Dir, "files"), filepath.Join(v.Dir, "tree")
	for _, d := range []string{upper, merged, filepath.Join(v.Dir, "work")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	for name, text := range files {
		file := filepath.Join(upper, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
		if err := os.Chmod(file, 0o644); err != nil { // systemd reads units as others would
			return err
		}
	}
	err := run(ctx, "mount", "-t", "overlay", "overlay", "-o",
		"lowerdir="+layer+":"+root+",upperdir="+upper+",workdir="+filepath.Join(v.Dir, "work"), merged)
	if err != nil {
		return err
	}
	defer func() { _ = run(context.WithoutCancel(ctx), "umount", merged) }() // a failure shows at the next mount
	disk := filepath.Join(v.Dir, "disk")
	if err := os.WriteFile(disk, nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(disk, 1500<<20); err != nil {
		return err
	}
	return run(ctx, "mke2fs", "-q", "-t", "ext4", "-F", "-L", "root", "-d", merged, "-E", "lazy_itable_init=1,nodiscard", "-m", "0", disk)
}

// Start turns the power on. Its console is appended to the file console.
func (v *VM) Start() error {
	// A CPU without virtualisation and one core boot fastest without KVM (qemu 7.2 measured). cache=writeback
	// keeps what the guest has flushed, and nothing else is promised after a power loss.
	v.cmd = exec.Command("qemu-system-x86_64", "-machine", "q35,usb=off,smbus=off,sata=off,vmport=off,hpet=off,graphics=off",
		"-accel", "tcg,thread=multi,tb-size=256", "-cpu", "qemu64,svm=off", "-smp", "1", "-m", "768",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-chardev", "file,id=ser,append=on,path="+filepath.Join(v.Dir, "console"), "-serial", "chardev:ser",
		"-kernel", v.Kernel, "-initrd", v.Initrd,
		"-append", "root=/dev/vda rw console=ttyS0,115200 quiet mitigations=off nokaslr no_timer_check tsc=reliable random.trust_cpu=on cloud-init=disabled",
		"-drive", "file="+filepath.Join(v.Dir, "disk")+",format=raw,if=none,id=d0,cache=writeback", "-device", "virtio-blk-pci,drive=d0",
		"-netdev", "user,id=n0", "-device", "virtio-net-pci,netdev=n0,romfile=",
		"-object", "rng-random,filename=/dev/urandom,id=r0", "-device", "virtio-rng-pci,rng=r0")
	out, err := os.Create(filepath.Join(v.Dir, "qemu.log"))
	if err != nil {
		return err
	}
	defer out.Close()
	v.cmd.Stdout, v.cmd.Stderr = out, out
	v.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return v.cmd.Start()
}

// Cut takes the power away.
func (v *VM) Cut() error {
	if v.cmd == nil || v.cmd.ProcessState != nil {
		return nil
	}
	if err := v.cmd.Process.Kill(); err != nil {
		return err
	}
	v.cmd.Wait() // killed
	return nil
}

// Ended waits until the guest has powered off, or rebooted: a reboot ends it too.
func (v *VM) Ended(limit time.Duration) error {
	done := make(chan error, 1)
	go func() { done <- v.cmd.Wait() }()
	select {
	case err := <-done:
		return err
	case <-time.After(limit):
		v.cmd.Process.Kill()
		<-done
		return fmt.Errorf("the guest is still up after %v", limit)
	}
}

// Console is what the guest wrote to its serial console, the end of it.
func (v *VM) Console() string {
	b, err := os.ReadFile(filepath.Join(v.Dir, "console"))
	if err != nil {
		return err.Error()
	}
	qemu, _ := os.ReadFile(filepath.Join(v.Dir, "qemu.log")) // none says nothing
	return strings.ToValidUTF8(string(b[max(0, len(b)-8000):]), "?") + string(qemu)
}
