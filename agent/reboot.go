// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/openmurano/murano/internal/fault"
	"github.com/openmurano/murano/plans"
)

const (
	// rebootCode is the exit code that asks for a reboot in plans of format 2.3.0
	// and newer, as Ubuntu's and Amazon's agents have it (AWS SSM, 194).
	rebootCode = 194
	// maxReboots bounds those of one plan: a script that always asks again.
	maxReboots = 20
	// maxAsked bounds how often one reboot is asked for that does not come.
	maxAsked          = 3
	defaultRebootWait = 5 * time.Minute
	// rebootDoubt is how long a reboot may still come that seems to be refused:
	// the program that asks for it is ended by it, too.
	rebootDoubt = 2 * time.Second
	phaseReboot = "reboot"
)

// mayReboot tells whether a script of the plan can ask for a reboot.
func (a *attempt) mayReboot() bool {
	if a.r.Reboot == nil || a.e.Dir == "" {
		return false
	}
	for _, s := range a.plan.Scripts {
		if s.Options.Reboot != 0 {
			return true
		}
	}
	return a.plan.FormatVersion.AtLeast(2, 3) && len(a.plan.Scripts) > 0
}

// reboots tells whether the script asks for a reboot by its exit code.
func (a *attempt) reboots(script string, code int) bool {
	if a.r.Reboot == nil || a.e.Dir == "" {
		return false
	}
	asks := a.plan.Scripts[script].Options.Reboot
	if asks == 0 && a.plan.FormatVersion.AtLeast(2, 3) {
		asks = rebootCode
	}
	return asks != 0 && code == asks
}

// reboot asks for a reboot, the asked-th time for the same one, and waits for
// the agent to be stopped by it. The plan goes on at the next start (GoesOn).
func (a *attempt) reboot(ctx context.Context, asked int) error {
	defer a.phase(phaseReboot, time.Time{})()
	fail := func(format string, v ...any) error {
		return a.halt(&verdict{plans.StateFailed, plans.Cause{
			Code: plans.CauseGuestReboot, Owner: plans.OwnerGuest, Text: fmt.Sprintf(format, v...),
			Hint: "look at the guest's journal for what holds up the reboot, then send the plan again with a new ID",
		}})
	}
	reboots := a.past.reboots
	if asked == 1 { // the journal says so where the call ended
		reboots++
	}
	switch {
	case a.r.Reboot == nil:
		return fail("the plan asked for a reboot, and this agent cannot reboot the guest")
	case asked > maxAsked:
		return fail("the plan asked for a reboot %d times and the guest did not reboot", maxAsked)
	case reboots > maxReboots:
		return fail("the plan asked for more than %d reboots", maxReboots)
	}
	if asked > 1 {
		if err := a.journal.writeSync(step{Step: stepReboot, Boot: a.r.BootID, Asked: asked}); err != nil {
			return a.halt(err)
		}
	}
	a.log.Info("plan asks for a reboot", "reboot", reboots, "asked", asked)
	fault.Point("runner.reboot.before-ask")
	refused := a.r.Reboot(ctx)
	fault.Point("runner.reboot.after-ask")
	bound := a.r.RebootWait
	if bound <= 0 {
		bound = defaultRebootWait
	}
	if refused != nil {
		bound = min(bound, rebootDoubt)
	}
	if err := wait(ctx, bound); err != nil {
		a.cutIn(ctx, phaseReboot)
		return err
	}
	if refused != nil {
		return fail("the guest was to be rebooted: %v", refused)
	}
	return fail("the guest was to be rebooted and was not within %s", bound)
}
