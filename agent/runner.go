// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

// A Runner turns one message into its result. A failed plan is a result too.
// Its fields are not changed once it is in use; it may answer several messages
// at once if they have different Keys.
type Runner struct {
	Executors map[string]Executor // by the Type of a script
	Fetcher   Fetcher             // of Downloadable files; nil means none can be had
	// Workspaces is the directory in which each plan has its own while it runs.
	// It is made, 0700, and belongs to the Runner alone.
	Workspaces string
	// Plans is the directory in which plans have theirs, by Key: Clean reads there
	// which scripts ran. Empty means that only their workspaces tell.
	Plans string

	// Key, unless nil, must have signed each plan, for Queue.
	Key   crypto.PublicKey
	Queue string
	// MaxFormat is the newest FormatVersion that is run; zero means plans.MaxVersion.
	MaxFormat plans.Version

	Files     body.OpenPolicy // of open() in a Body
	Limits    body.Limits     // of a Body
	Env       []string        // KEY=value, added to the environment of each script
	Grace     time.Duration   // see Call.Grace; 0 means DefaultGrace
	MaxOutput int             // see Call.MaxOutput
	MaxLog    int64           // bytes of one log of a script; 0 means DefaultMaxLog

	// Waits are waited for, one after another, before the files of a plan that
	// has scripts are placed.
	Waits []Wait
	// Reboot asks the guest to reboot and returns; the reboot ends the agent. nil
	// means that this agent cannot: a plan with the option reboot is refused.
	Reboot func(ctx context.Context) error
	// BootID is that of this boot of the guest: another one at the next start
	// says that the reboot took place. Empty means that every start does.
	BootID string
	// RebootWait bounds the time from Reboot to the end of ctx; 0 means 5 minutes.
	RebootWait time.Duration

	// Progress, unless nil, is told where a plan is, and in Text what is new there;
	// without a Text it is back where it was before. It must not block.
	Progress func(plans.Event)
	// Rand gives numbers from 0 up to 1, for the pauses between attempts; nil
	// means random ones.
	Rand func() float64

	Version  string // of the agent, for the Report
	Hostname string
	Now      func() time.Time // nil means time.Now
	Log      *slog.Logger     // nil means nowhere
}

// A Wait is something of the guest that must be over before a plan begins, such
// as cloud-init or another program's work on the packages.
type Wait struct {
	Phase   string        // its name in the Report
	Timeout time.Duration // then the plan goes on all the same; 0 means at once
	// For says what still blocks p, for people; "" means nothing does. An error
	// means that it cannot know, and counts as nothing.
	For func(ctx context.Context, p plans.Plan) (blocked string, err error)
}

// Clean ends the scripts that an agent which died left behind, and removes its
// workspaces but those whose key unended knows: Answer, Interrupted and Cancelled
// see to these. nil means no plan is unended. It is called before the first plan
// runs. What has no name of a workspace is left alone: Workspaces may have
// become a link to somewhere else.
func (r *Runner) Clean(unended func(key string) bool) error {
	entries, err := os.ReadDir(r.Workspaces)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	left := slices.DeleteFunc(entries, func(d os.DirEntry) bool { return !isWorkspace(d.Name()) })
	if len(left) > 0 {
		endOrphans(r.Workspaces, r.Plans, cmp.Or(r.Grace, DefaultGrace))
	}
	for _, d := range left {
		if unended != nil && unended(d.Name()) {
			continue
		}
		err = errors.Join(err, removeTree(filepath.Join(r.Workspaces, d.Name())))
	}
	return err
}

// Answer runs the plan in e and returns its result, always. A plan that an
// earlier attempt was cut in goes on or begins again as GoesOn says; of one that
// does not, see Interrupted. What ends ctx interrupts the plan; a Cancellation as
// its cause cancels it. Where GoesOn says so after the end of ctx, the result is
// not to be kept: the plan stays begun.
func (r *Runner) Answer(ctx context.Context, e Entry) plans.Result {
	if e.Cancelled != "" {
		return r.Cancelled(e)
	}
	a := r.attempt(e)
	value, err := a.run(ctx)
	return a.result(value, err)
}

// Interrupted makes the result of a plan that an earlier agent died in. One that
// is refused was not run by that one either, and is refused by this.
func (r *Runner) Interrupted(e Entry) plans.Result {
	a, p := r.afterwards(e)
	if p.runs == 0 {
		if _, err := a.read(); err != nil {
			return a.result(nil, err)
		}
	}
	what := "agent or guest went down while the plan ran"
	if p.running != "" {
		what = fmt.Sprintf("agent or guest went down while script %s ran", p.running)
	}
	if p.over != "" {
		what = p.over
	} else if p.calls > 0 {
		what += fmt.Sprintf(", after %s of scripts that had ended", counted(p.calls, "call"))
	}
	what += "; what its scripts had done by then is unknown"
	if p.untouched(a.plan, e.Attempts, r.BootID) {
		what = fmt.Sprintf("agent or guest went down in each of %d attempts; the plan did nothing but what its Body reckons", e.Attempts)
	}
	if o := a.plan.Options.OnInterrupt; e.Attempts-p.reboots >= maxReruns && o != "" && o != plans.InterruptFail {
		what += fmt.Sprintf("; that was attempt %d, and onInterrupt: %s has no more than %d", e.Attempts, o, maxReruns)
	}
	return a.cutResult(verdict{plans.StateInterrupted, plans.Cause{
		Code: plans.CauseAgentInterrupted, Owner: plans.OwnerGuest, Text: what,
		Hint: "send the plan again with a new ID if its scripts may run twice",
	}})
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// maxReruns bounds how often a plan that takes the agent down is begun again.
const maxReruns = 5

// GoesOn tells whether the plan in e, which was begun and not ended, is to be
// answered again instead of as interrupted. It is, if it asked for a reboot, or
// waited for the guest (Waits); and, if it was not cut too often, where it asks
// for that (onInterrupt) or did nothing yet.
func (r *Runner) GoesOn(e Entry) bool {
	if e.Refused != "" || e.Cancelled != "" {
		return false
	}
	p := readPast(e.Dir)
	switch {
	case p.over != "":
		return false
	case p.reboot != nil, p.waits:
		return true
	case e.Attempts-p.reboots >= maxReruns: // a reboot that was asked for is no cut
		return false
	}
	plan, err := plans.ParseOptions{Max: r.MaxFormat}.Parse(e.Message.Body)
	if err != nil {
		return false
	}
	again := plan.Options.OnInterrupt == plans.InterruptRerun || plan.Options.OnInterrupt == plans.InterruptResume
	return again || p.untouched(plan, e.Attempts, r.BootID)
}

// untouched tells whether so many attempts of plan cannot have done anything:
// no script was run, and its Body opens no file.
func (p past) untouched(plan plans.Plan, attempts int, boot string) bool {
	if p.ran || strings.Contains(plan.Body, "open") {
		return false
	}
	return len(plan.Scripts) == 0 || p.whole(attempts, boot)
}

// Cancelled makes the result of a plan that was cancelled before it ran, or
// while no agent ran.
func (r *Runner) Cancelled(e Entry) plans.Result {
	a, p := r.afterwards(e)
	text := fmt.Sprintf("the plan was %s before it ran", Cancellation{e.Cancelled})
	switch {
	case p.running != "":
		text = fmt.Sprintf("the plan was %s after it was interrupted in script %s; what that had done by then is unknown", Cancellation{e.Cancelled}, p.running)
	case e.Attempts > 0:
		text = fmt.Sprintf("the plan was %s after it was interrupted; what its scripts had done by then is unknown", Cancellation{e.Cancelled})
	}
	return a.cutResult(cancelled(text))
}

// afterwards is for the result of a plan that does not run any more. Its
// workspace goes.
func (r *Runner) afterwards(e Entry) (*attempt, past) {
	a, p := r.attempt(e), readPast(e.Dir)
	// Of a plan that breaks its format all that the result needs is read.
	a.plan, _ = plans.ParseOptions{Max: r.MaxFormat}.Parse(e.Message.Body)
	a.mask = newMask(a.plan)
	a.scripts = p.scripts
	a.drop()
	return a, p
}

func (r *Runner) attempt(e Entry) *attempt {
	id, _ := plans.Identify(e.Message)
	return &attempt{r: r, e: e, id: id, log: r.logger().With("plan", id), began: r.now()}
}

func (r *Runner) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}

func (r *Runner) logger() *slog.Logger {
	if r.Log != nil {
		return r.Log
	}
	return slog.New(slog.DiscardHandler)
}
