// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"time"
)

// Errors of a store.
var (
	// ErrNotFound says that no such environment, package, deployment, server or plan is recorded.
	ErrNotFound = errors.New("not found")
	// ErrKnownPlan says that a plan of this ID is recorded already.
	ErrKnownPlan = errors.New("a plan of this ID was sent before")
	// ErrStore says that the store itself does not work: a full disk, a lost
	// file. A Controller that meets it stops, and goes on where it was when it
	// is started again. Every error of an Environments but the two above and
	// the context's own wraps it.
	ErrStore = errors.New("the store does not answer")
)

// Environments keeps what a Controller must not forget. Each method is one
// atomic step: when it has returned nil, the change is on disk. Any number of
// goroutines may call it. controller/sqlstore is one.
type Environments interface {
	StoredPackages
	StoredDeployments
	StoredApplications
	StoredPlans
	Timeline
}

// KeptPackages is how many versions of a package are kept though nothing uses
// them: a deployment that is about to begin may.
const KeptPackages = 10

// StoredPackages are the application packages, addressed by content.
type StoredPackages interface {
	// PutPackage adds p. A package of the same name becomes an older version:
	// still found by its digest, no longer by its name. Of the older ones
	// KeptPackages are kept, and those that an application or a deployment
	// that runs was made with.
	PutPackage(ctx context.Context, p PackageRecord) error
	// PackageNamed returns the package that was put last under this full name.
	PackageNamed(ctx context.Context, name string) (PackageRecord, error)
	// PackageOf returns the package with this digest.
	PackageOf(ctx context.Context, digest string) (PackageRecord, error)
	// Packages lists the newest of each name, by name, without their Zip.
	Packages(ctx context.Context) ([]PackageRecord, error)
}

// StoredDeployments are the environments and what was wished for them.
type StoredDeployments interface {
	// Begin records a new wish. In one step it creates the environment e or
	// gives it e.Spec and d as its deployment, cancels the deployment of this
	// environment that was still running, and records d.
	Begin(ctx context.Context, e EnvironmentRecord, d Deployment) error
	// Finish ends d with its State, Cause and Leftovers, and gives its
	// environment the state s and the cause of d, unless another deployment
	// has taken d's place: then nothing changes. An environment that is now
	// deleted loses its spec, applications, servers and plans in the same
	// step; its events stay.
	Finish(ctx context.Context, d Deployment, s State) error
	// PutNetwork records the stack that all applications of the environment share.
	PutNetwork(ctx context.Context, environmentID string, s StackRecord) error
	// Environment returns the environment of this name: the living one, or
	// else the one that was deleted last.
	Environment(ctx context.Context, name EnvironmentName) (EnvironmentRecord, error)
	// Environments lists those that are not deleted, by name.
	Environments(ctx context.Context) ([]EnvironmentRecord, error)
	// Deployment returns one deployment.
	Deployment(ctx context.Context, id DeploymentID) (Deployment, error)
	// Deployments lists those of one environment, oldest first.
	Deployments(ctx context.Context, environmentID string) ([]Deployment, error)
	// Unfinished lists the deployments that are still running, oldest first.
	Unfinished(ctx context.Context) ([]Deployment, error)
}

// StoredApplications are the applications of the environments and their servers.
type StoredApplications interface {
	PutApplication(ctx context.Context, a ApplicationRecord) error
	Applications(ctx context.Context, environmentID string) ([]ApplicationRecord, error) // by name
	// RemoveApplication forgets the application, its servers and its plans.
	RemoveApplication(ctx context.Context, environmentID string, name ApplicationName) error

	// PutServer records all of s but its Hello, which only PutHello changes.
	PutServer(ctx context.Context, s ServerRecord) error
	Servers(ctx context.Context, environmentID string) ([]ServerRecord, error) // by application, group, index
	// Server returns the server with this queue.
	Server(ctx context.Context, queue string) (ServerRecord, error)
	RemoveServer(ctx context.Context, queue string) error
	// PutHello records that the agent of this queue has spoken, and returns its server.
	PutHello(ctx context.Context, queue string, h Hello) (ServerRecord, error)
}

// StoredPlans are the execution plans that were sent, and their results.
type StoredPlans interface {
	// PutPlan records a plan that is about to be sent. One that is recorded
	// already is ErrKnownPlan, and stays as it was.
	PutPlan(ctx context.Context, p PlanRecord) error
	Plan(ctx context.Context, id string) (PlanRecord, error)
	// Plans lists those of one environment, oldest first, without Body and Signature.
	Plans(ctx context.Context, environmentID string) ([]PlanRecord, error)
	// PutResult records the result of a plan, as it came, with its state. The
	// first result stays; it reports whether this was the first.
	PutResult(ctx context.Context, id string, s PlanState, cause string, result []byte, at time.Time) (first bool, err error)
	// GiveUp records that the plan failed without a result. A result that
	// comes later is still recorded. A plan that has its result is left alone.
	GiveUp(ctx context.Context, id string, cause string) error
	// LastStamp returns the highest Stamp of a plan to this queue; 0 when there was none.
	LastStamp(ctx context.Context, queue string) (int64, error)
}

// Timeline keeps the events of the environments.
type Timeline interface {
	// AddEvent records e and returns it with its Seq, which is higher than
	// that of every event before. Where e.Once is not empty and the deployment
	// has an event with it, that one is returned and nothing is recorded.
	AddEvent(ctx context.Context, e Event) (Event, error)
	// Events lists up to limit events of an environment with a Seq above after, in order.
	Events(ctx context.Context, environmentID string, after int64, limit int) ([]Event, error)
}

// States of an environment and of its applications.
const (
	StateDeploying State = "deploying"
	StateDeployed  State = "deployed"
	StateFailed    State = "failed"
	StateSkipped   State = "skipped" // an application whose dependency failed
	StateDeleting  State = "deleting"
	StateDeleted   State = "deleted"
)

// A State is where an environment or an application stands.
type State string

// A PackageRecord is a package as it was put.
type PackageRecord struct {
	Digest string // SHA-256 of Zip, lower-case hex
	Name   string // FullName of its manifest
	Title  string // Name of its manifest
	Zip    []byte // as it was put
	Added  time.Time
}

// An EnvironmentRecord is what the store knows of an environment.
type EnvironmentRecord struct {
	ID         string // 32 lower-case hex digits: in the names of its stacks and queues
	Name       EnvironmentName
	Spec       []byte // the wished Environment, YAML, as it came; holds secrets
	State      State
	Cause      string // why it failed
	Deployment DeploymentID
	Network    StackRecord
	Created    time.Time
	Updated    time.Time
}

// A StackRecord is a Heat stack as a Controller wished and saw it.
type StackRecord struct {
	Name   string // empty: not yet wished
	Digest string // SHA-256 of the template it was last brought to, or should be
	// Complete is set once Heat has finished with that template.
	Complete bool
	ID       StackID
	Outputs  map[string]any
	// Since is when the template was first applied: an agent that spoke before may be one of a server that is replaced.
	Since     time.Time
	Completed time.Time // when it became complete
	// Deleted is set once Heat has deleted it; Leftovers are what was still there then.
	Deleted   bool
	Leftovers []Leftover
}

// An ApplicationRecord is what the store knows of an application.
type ApplicationRecord struct {
	EnvironmentID string
	Name          ApplicationName
	Package       string // FullName
	PackageDigest string
	Deployment    DeploymentID // the one that State and Cause speak of
	State         State
	Cause         string
	After         []ApplicationName // what it depends on: deleted after it
	Parameters    map[string]any    // all of the package's, resolved; hold secrets. nil: not yet known
	Stack         StackRecord
	Outputs       map[string]any
	Updated       time.Time
}

// A ServerIdentity is a server before it exists: what its user data and its template are made from.
type ServerIdentity struct {
	EnvironmentID string
	Environment   EnvironmentName
	Application   ApplicationName
	Group         string // of application.yaml's servers
	Index         int    // in its group, from 0
	HostID        string // 32 lower-case hex digits
	Queue         string // e<environment ID>-h<host ID>: where its agent reads plans
	Hostname      string
}

// A ServerRecord is what the store knows of a server.
type ServerRecord struct {
	ServerIdentity
	UserData []byte // as rendered when the identity was made: a change would replace the server; holds a password
	ID       string // Nova's; empty until the stack is complete
	Address  string // fixed IP
	Floating string // floating IP; empty means none
	// Since is the Since of the stack that made the server with this ID: only a Hello after it counts.
	Since time.Time
	Hello Hello
}

// A Hello is the last word an agent said on connecting. The zero value means it has not spoken.
type Hello struct {
	Time    time.Time // when it was received
	Version string
	BootID  string
	// Inventory is what the guest said that it is and has; nil means nothing was said.
	Inventory map[string]string
}

// States of a plan.
const (
	PlanSent      PlanState = "sent" // recorded, perhaps published, no result yet
	PlanSucceeded PlanState = "succeeded"
	PlanFailed    PlanState = "failed" // by its result, or given up; see Cause
)

// A PlanState is where an execution plan stands.
type PlanState string

// A PlanRecord is an execution plan as it was sent to a server's agent.
type PlanRecord struct {
	ID    string // the plan's own
	Queue string
	// EnvironmentID is empty for a plan that was sent by hand to an agent of no environment.
	EnvironmentID string
	// Deployment and the four after it are empty for a plan that was sent by hand.
	Deployment  DeploymentID
	Application ApplicationName
	Phase       string // deploy or destroy
	Step        string
	Server      string // group[index]
	// Digest is equal for two plans that do the same on the same server: ID and Stamp do not count.
	Digest    string
	Stamp     int64
	Body      []byte // the encoded plan, exactly as published; may hold secrets
	Signature []byte // nil: unsigned
	Timeout   time.Duration
	Created   time.Time
	State     PlanState
	Cause     string
	Result    []byte // as received; nil: none yet
	ResultAt  time.Time
}
