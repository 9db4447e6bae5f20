// SPDX-License-Identifier: Apache-2.0

package guest_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/test/guest"
	"github.com/openmurano/murano/test/rabbitmq"
)

// vmBoot bounds the boot of a VM, under emulation on a busy machine.
const vmBoot = 5 * time.Minute

// machine makes a VM with the packaged agent.
func machine(t *testing.T, server *rabbitmq.Server, s *station) *guest.VM {
	t.Helper()
	root, deb := need(t, "MURANO_E2E_ROOT"), need(t, "MURANO_E2E_DEB")
	dir := t.TempDir()
	layer := filepath.Join(dir, "layer")
	if err := guest.Install(t.Context(), root, deb, layer); err != nil {
		t.Fatal(err)
	}
	vm := &guest.VM{Dir: filepath.Join(dir, "vm"), Kernel: filepath.Join(root, "../vmlinuz"), Initrd: filepath.Join(root, "../initrd")}
	if err := vm.MakeDisk(t.Context(), root, layer, map[string]string{
		"etc/murano/agent.yaml":             s.config(server, guest.VMHost, server.Port, ""),
		"etc/systemd/network/10-en.network": "[Match]\nName=en*\n[Network]\nDHCP=yes\n",
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("console:\n%s", vm.Console())
		}
		if err := vm.Cut(); err != nil {
			t.Error(err)
		}
	})
	if err := vm.Start(); err != nil {
		t.Fatal(err)
	}
	return vm
}

func TestVM(t *testing.T) {
	server := rabbitmq.Start(t)
	s := newStation(t, server)
	vm := machine(t, server, s)
	s.send("first", nil, "uname -r")
	began := time.Now()
	s.ends("first", plans.StateSucceeded, vmBoot)
	t.Logf("boot to first answer %.1f s", time.Since(began).Seconds())

	t.Run("a script over its memory limit is killed, and the result says by what", func(t *testing.T) {
		one := *s
		one.t = t
		one.send("memory", map[string]any{"limits": map[string]any{"memory": "64M"}}, "head -c 300000000 /dev/zero | tail -c 250000000 | wc -c")
		r := one.ends("memory", plans.StateFailed, 2*time.Minute)
		if r.Report == nil || r.Report.Cause == nil || r.Report.Cause.Code != plans.CauseScriptLimit || !strings.Contains(r.Report.Cause.Text, "memory limit of 64") {
			t.Errorf("cause %+v", r.Report.Cause)
		}
		one.send("memory-after", nil, "echo alive")
		one.ends("memory-after", plans.StateSucceeded, time.Minute)
	})
	t.Run("a script may start as many processes as its limit says", func(t *testing.T) {
		one := *s
		one.t = t
		one.send("pids", map[string]any{"limits": map[string]any{"pids": 8}}, "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 & done; wait")
		r := one.ends("pids", plans.StateFailed, 2*time.Minute)
		if r.Report == nil || r.Report.Cause == nil || !strings.Contains(r.Report.Cause.Text, "pids limit of 8") {
			t.Errorf("cause %+v", r.Report.Cause)
		}
	})
	t.Run("nothing is lost and nothing doubled by power cuts", func(t *testing.T) {
		one := *s
		one.t = t
		powerCuts(t, &one, vm)
	})
}

// powerCuts takes the power away while plans run and gives it back.
func powerCuts(t *testing.T, s *station, vm *guest.VM) {
	const cuts, each = 3, 12
	type sent struct {
		id, onInterrupt string
		calls           int
	}
	var all []sent
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	for round := range cuts {
		for i := range each {
			p := sent{fmt.Sprintf("power-%d-%02d", round, i), []string{"fail", "rerun", "resume"}[i%3], 2}
			all = append(all, p)
			// A script's word counts once it is on the disk.
			note := func(n int) string {
				return fmt.Sprintf("echo %s-%d >>/var/runs; sync /var/runs /var; sleep 0.2", p.id, n)
			}
			s.send(p.id, map[string]any{"onInterrupt": p.onInterrupt}, note(0), note(1))
		}
		// Cut somewhere in the middle of them.
		s.result(all[len(all)-each+random.IntN(each/2)].id, vmBoot)
		time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond)
		if err := vm.Cut(); err != nil {
			t.Fatal(err)
		}
		if err := vm.Start(); err != nil {
			t.Fatal(err)
		}
	}
	states := map[string]int{}
	for _, p := range all {
		r := s.result(p.id, vmBoot)
		states[r.State()]++
		if want := map[string]bool{plans.StateSucceeded: true, plans.StateInterrupted: p.onInterrupt == "fail"}; !want[r.State()] {
			t.Errorf("plan %s (onInterrupt %s) ended %s: %s", p.id, p.onInterrupt, r.State(), r.Body)
		}
	}
	s.send("power-runs", nil, "sort /var/runs | uniq -c")
	runs := map[string]int{}
	for line := range strings.Lines(said(s.ends("power-runs", plans.StateSucceeded, time.Minute))) {
		var n int
		var what string
		if _, err := fmt.Sscan(line, &n, &what); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		runs[what] = n
	}
	for _, p := range all {
		for call := range p.calls {
			n := runs[fmt.Sprintf("%s-%d", p.id, call)]
			done := s.got[p.id][0].State() == plans.StateSucceeded
			switch {
			case done && n == 0:
				t.Errorf("plan %s succeeded, and its call %d left nothing", p.id, call)
			case p.onInterrupt == "fail" && n > 1:
				t.Errorf("call %d of plan %s ran %d times", call, p.id, n)
			case n > 1+cuts:
				t.Errorf("call %d of plan %s ran %d times in %d power cuts", call, p.id, n, cuts)
			}
		}
	}
	fmt.Printf("power cuts %d, plans %d, ended %v\n", cuts, len(all), states)
}
