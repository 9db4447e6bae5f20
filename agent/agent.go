// SPDX-License-Identifier: Apache-2.0

// Package agent is the program in the guest: it receives execution plans,
// keeps them on disk, runs them one after another and answers each exactly
// once. All behaviour is here; the rooms below it (spool, application, chef,
// puppet, fetch) connect it to the disk, to processes and to the network.
package agent

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

// A Transport carries messages between an agent and its controller.
// internal/amqp and internal/memq fit it.
type Transport interface {
	// ReceiveBatch hands the messages of the queue to keep, oldest first, as many
	// at once as have come, and acknowledges those whose error is nil; the others
	// are delivered again later, to their old place. It returns when ctx is done.
	ReceiveBatch(ctx context.Context, queue string, keep func(context.Context, []plans.Message) []error) error
	// Publish returns once the broker has confirmed m and routed it. The error
	// of a message that no queue takes wraps plans.ErrUnroutable. Broken
	// connections are waited through until ctx ends. Many may publish at once.
	Publish(ctx context.Context, m plans.Message) error
}

// An Executor runs the scripts of one type: Application, Chef or Puppet.
type Executor interface {
	// Run runs one attempt of one call and returns once the script has ended.
	// A script that ran is no error, whatever its exit code: the Runner judges
	// Output. An error is a *ScriptError where the script could not be set up
	// for a reason its author can see (ErrorCode 100), any other error is
	// ErrorCode 1. When ctx ends, the script and what it started get SIGTERM,
	// c.Grace later SIGKILL; Run then returns what was captured so far and
	// context.Cause(ctx).
	Run(ctx context.Context, c Call) (Output, error)
}

// A Call is what an Executor gets: one attempt of one call of a script.
type Call struct {
	Plan   string        // ID of the plan, for logs
	Format plans.Version // of the plan
	Name   string        // of the script, as the Body calls it
	Script plans.Script  // Options included

	// Args and Kwargs are those of the Body, uninterpreted; Kwargs may be nil.
	// A misuse (too many, unknown name) is an *ArgumentError.
	Args   []body.Value
	Kwargs *body.Dict

	// Dir is the script's own folder, absolute, 0755: the Files of the script
	// are in it under their Names. The Executor may write into it.
	Dir string
	// Entry is the entry file, absolute, inside Dir, executable by its owner.
	// Empty where the EntryPoint is no file (Chef, Puppet). A file without a
	// Name has Dir and a slash here.
	Entry string

	// Env is added to the environment of the agent: KEY=value.
	Env []string
	// Unit names the run on this guest, fit for the name of a systemd unit:
	// "murano-17954422286073-apache-1". Empty means the run needs none.
	Unit string
	// User is a name or number of the guest's user database to run as, with its
	// groups; empty means as the agent does.
	User string
	// Nice is added to the agent's own niceness; 0 changes nothing.
	Nice int
	// Limits bound the script and everything it starts; zero means none. An
	// Executor that cannot enforce them does not run the script.
	Limits plans.Limits
	// PrivateTmp gives the script a /tmp and a /var/tmp of its own.
	PrivateTmp bool
	// Secret tells whether a text holds a secret of the plan, which must not
	// show in the arguments of a process. nil means nothing is secret.
	Secret func(string) bool
	// Stdout and Stderr get what the script writes, as it comes, captured or
	// not. Never nil. Writing to them never fails the script.
	Stdout, Stderr io.Writer

	Grace     time.Duration // between SIGTERM and SIGKILL
	MaxOutput int           // bytes of the captured streams, together, that are kept; 0 means DefaultMaxOutput
}

// DefaultMaxOutput bounds the captured streams of a script together: 6 MiB. What is cut
// is the middle: head and tail stay, with a mark between them. A result holds it
// several times while it is made, and RabbitMQ 4 takes no message above 16 MiB.
const DefaultMaxOutput = 6 << 20

// DefaultGrace is the time a script has between SIGTERM and SIGKILL.
const DefaultGrace = 10 * time.Second

// An Output is what a script left behind.
type Output struct {
	ExitCode int // 128+n after signal n
	// Stdout and Stderr are as the Body sees them: white space around
	// stripped, line ends LF, invalid UTF-8 replaced. nil means nothing was
	// written, or that it was not captured.
	Stdout, Stderr *string
	// Failure is the message of the result if the exit code counts as a
	// failure; empty means `Script <name> returned error code`.
	Failure   string
	Truncated bool // Stdout or Stderr lost their middle to Call.MaxOutput
	// Limit says which of Call.Limits ended the script or something it started,
	// as a sentence for people: "killed: memory limit of 64 MiB". Empty means none did.
	Limit string
}

// A Fetcher brings Downloadable files. agent/fetch is one.
type Fetcher interface {
	// Fetch downloads f into dir, which exists and is empty, and returns the
	// absolute path of the file (or, for a repository, of dir). The file's name
	// is the last part of the URL, query included (murano-agent 12.0.0
	// files_manager.py). The error names the URL and the real cause; it wraps
	// ErrChecksum if a file came that is not the one f describes.
	Fetch(ctx context.Context, f plans.File, dir string) (path string, err error)
}

// ErrChecksum says that a file's SHA256 or Size is not the plan's.
var ErrChecksum = errors.New("not the file of the plan")

// A Store keeps plans and their results across restarts and power loss.
// agent/spool is one; storetest.Run is what it must pass. All methods may be
// called at the same time.
type Store interface {
	// Put returns once all of ms that can be are safe, in their order; the i-th
	// error says that the i-th was not kept. A plan whose ID is known is not
	// kept twice: one more answer is owed instead, and given as soon as there is
	// a result. It costs about as much for many messages as for one.
	Put(ctx context.Context, ms []plans.Message) []error
	// Next blocks until there is a plan to run and returns the oldest. The same
	// plan is not returned twice in one life of the store, unless Retry made it
	// pending again. A plan that an earlier life had begun is returned with
	// Attempts above zero.
	Next(ctx context.Context) (Entry, error)
	// Begin counts an attempt; called before the first script runs.
	Begin(ctx context.Context, e Entry) error
	// Finish keeps the result; from now on it is owed. The error of a plan that
	// has one wraps ErrEnded.
	Finish(ctx context.Context, e Entry, r plans.Result) error
	// Owed blocks until a result is due to be published and returns it; one
	// Answer for each message that asked.
	Owed(ctx context.Context) (Answer, error)
	// Archive says that the Answer was published. Once a plan owes none, it is
	// history.
	Archive(ctx context.Context, a Answer) error
	// Defer says that the Answer could not be published: Owed returns it again,
	// not before at. It survives a restart, its time need not.
	Defer(ctx context.Context, a Answer, at time.Time) error

	// Cancel keeps that the plan is cancelled, and by whom; the first word
	// stands. It returns how far the plan was. One that waited is StorePending:
	// Next does not return it, and the caller is to Finish e; until that is done
	// another Cancel is told the same, and in the next life Next returns it. One
	// that Next returned and that has no result is StoreRunning. One that has a
	// result is StoreEnded and is left as it is; e has its Key and Cancelled
	// alone. An unknown ID gives "".
	Cancel(ctx context.Context, id, by string) (e Entry, state string, err error)
	// Retry makes a plan that has ended pending again, as if it had come now but
	// in its old place: no attempts, no journal, not cancelled. Its result stays
	// beside the new one. An answer is owed again to each that asked last. A
	// plan that is unknown or has not ended is an error.
	Retry(ctx context.Context, id string) error
	// Prune removes history and returns the keys of what it removed. The IDs
	// stay known: a plan that is sent again is not run again.
	Prune(ctx context.Context, o PruneOptions) (keys []string, err error)
	// Counts gives the plans that wait to be run, the answers that are owed, and
	// the plans that are history. It costs nothing.
	Counts() (pending, owed, history int)
	// Has tells whether key is that of a plan that has not ended.
	Has(key string) bool
}

// ErrEnded says that a plan has its result already.
var ErrEnded = errors.New("the plan has a result")

// How far a plan was that Store.Cancel was called for.
const (
	StorePending = "pending"
	StoreRunning = "running"
	StoreEnded   = "ended"
)

// PruneOptions say which history goes: what is both beyond Keep and older than
// OlderThan. The zero value means all of it.
type PruneOptions struct {
	Keep      int           // this many that were answered last stay
	OlderThan time.Duration // since the answer
	DryRun    bool          // remove nothing, only say what would go
}

// An Entry is a plan in a Store.
type Entry struct {
	Key      string        // names the plan in its store; empty outside one
	Message  plans.Message // as received
	Dir      string        // the plan's own directory, for the logs of its scripts; empty means logs are discarded
	Received time.Time
	Attempts int // how often it was begun before; above 0 means an earlier agent died in it
	// Cancelled is set on a plan that was cancelled before it ended, with by
	// whom: it must not run, or run on.
	Cancelled string
	// Refused is set on a plan that must not run, with the reason: it was run
	// before and its result is no longer kept, or its Stamp is too old to know.
	Refused string
}

// An Answer is a result on its way to who asked for it.
type Answer struct {
	Key     string // of the plan in its store
	ReplyTo string // as the message asked; empty means it did not
	Tries   int    // how often it was deferred since the store was opened
	Result  plans.Result
}
