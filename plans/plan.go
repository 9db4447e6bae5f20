// SPDX-License-Identifier: Apache-2.0

package plans

import (
	"io/fs"
	"time"

	"github.com/openmurano/murano/plans/body"
)

// A Plan is one execution plan, formats 2.0.0 to 2.3.0. Parse makes it; a Plan
// built by hand is checked with Validate before it is encoded.
type Plan struct {
	FormatVersion Version
	ID, Name      string
	Version       string            // of the plan; informative
	Action        string            // "Execute"; the agent does not act on it
	Parameters    *body.Dict        // in the order of the document; nil means none
	Body          string            // see package body
	Scripts       map[string]Script // by the name the Body calls
	Files         map[string]File   // by file ID; absent means none
	Options       Options           // plan-wide: deadlines, retry, what to do after an interruption
	Stamp         int64             // tenths of a millisecond since 1970, rising per queue; 0 means unstamped
	ReplyTo       string
}

// A Script is what a Body can call.
type Script struct {
	Type       string   // Application, Chef or Puppet
	Version    string   // of the executor; informative
	EntryPoint string   // Application: a file ID. Chef, Puppet: cookbook::recipe, module::class
	Files      []string // IDs of the files placed beside the entry point, in order
	Options    ScriptOptions
}

// A File is content a script needs: inline, or to be downloaded.
type File struct {
	Name     string      // relative path inside the script's folder; never absolute, never ..
	BodyType string      // "Text" or "Base64"; empty for Downloadable
	Body     string      // as in the document: not decoded
	Type     string      // "" or "Downloadable" (since 2.1.0)
	URL      string      // of a Downloadable
	URLs     []string    // fallbacks, tried in order after URL (2.3.0)
	SHA256   string      // lower-case hex; empty means unchecked (2.3.0)
	Size     int64       // bytes; 0 means unchecked (2.3.0)
	Mode     fs.FileMode // 0 means the default: 0644 (2.3.0)
}

// Options are the keys of format 2.3.0 that a plan and a script share. Zero
// values mean: the agent's default.
type Options struct {
	Timeout     time.Duration // whole plan, or one script from start to exit; 0 means no bound
	OnInterrupt string        // fail (default), rerun, resume; plan only
	Retry       Retry
	Env         map[string]string
	RunAs       string
	Nice        int
	Limits      Limits
	PrivateTmp  bool     // /tmp and /var/tmp of its own for each script
	Mirror      string   // off, first, only; empty means the agent's configuration
	Secrets     []string // names of Parameters to mask wherever they would be printed
	Progress    bool     // events to the events exchange
}

// Retry says when a script that failed is run again. Attempts 0 or 1: never.
type Retry struct {
	Attempts int
	Delay    time.Duration // before the second attempt; doubles each time
	MaxDelay time.Duration
	On       []int    // exit codes; empty means any but 0
	Class    []string // network, lock
}

// Limits bound one script. Zero means unbounded.
type Limits struct {
	Memory int64 // bytes
	CPU    int   // percent of one core
	Pids   int
}

// ScriptOptions are Murano's own keys and, embedded, the shared ones. The
// zero value is not the default: see DefaultScriptOptions.
type ScriptOptions struct {
	CaptureStdout  bool // default true
	CaptureStderr  bool // default true
	VerifyExitcode bool // default true
	UseBerkshelf   bool
	BerksfilePath  string
	Reboot         int // exit code that means: reboot, then continue; 0 means none
	Options
}

// DefaultScriptOptions are those of a script that names none.
func DefaultScriptOptions() ScriptOptions {
	return ScriptOptions{CaptureStdout: true, CaptureStderr: true, VerifyExitcode: true}
}
