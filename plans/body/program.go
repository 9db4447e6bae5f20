// SPDX-License-Identifier: Apache-2.0

package body

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"
)

// A Program is a Body that was read and found to be inside the subset. It does
// not change: several goroutines may Run it at once.
type Program struct {
	src   *source
	main  *funcNode
	names []*nameExpr     // every name that is read, for Check
	bound map[string]bool // every name that some scope of the Body binds
}

// A Script runs one script of the plan. args and kwargs are those of the call,
// without the name of a function (deploy.install(x) is deploy(x)). The error it
// returns is an exception that the Body can catch; uncaught, it comes out of
// Run as it is, for errors.As. It should return ctx's error when ctx is done.
type Script func(ctx context.Context, args []Value, kwargs *Dict) (Value, error)

// An OpenPolicy gives open() its files. Both functions get the path as the Body
// wrote it. An error that is fs.ErrNotExist, fs.ErrExist or fs.ErrPermission becomes
// the exception CPython has for it. A nil function refuses with PermissionError.
type OpenPolicy struct {
	Read func(path string) ([]byte, error)
	// Write opens path with os.OpenFile's flag: O_WRONLY|O_CREATE with O_TRUNC,
	// O_APPEND or O_EXCL.
	Write func(path string, flag int) (io.WriteCloser, error)
	// Stat serves os.path.exists, isfile and isdir; nil means nothing exists.
	Stat func(path string) (fs.FileInfo, error)
}

// HostFiles is the policy without bounds: the files of the machine, new ones
// with mode 0666 less the umask, as CPython's open.
func HostFiles() OpenPolicy {
	return OpenPolicy{
		Read: os.ReadFile,
		Write: func(path string, flag int) (io.WriteCloser, error) {
			return os.OpenFile(path, flag, 0o666)
		},
		Stat: os.Stat,
	}
}

// Limits bound one run. A zero field means its default.
type Limits struct {
	Steps int64 // parts of the tree walked and elements handled; default 20 million
	Bytes int64 // of all values made, freed or not; default 512 MiB
	Depth int   // calls within calls; default 200
}

// A Scope is what a Body sees of the world. The zero value is a Body without
// Parameters, Scripts and files.
type Scope struct {
	Args    *Dict             // the plan's Parameters; nil means none. Keys are attributes: args.x
	Scripts map[string]Script // by name; a name here hides args and builtins
	Files   OpenPolicy
	Limits  Limits
	Now     func() time.Time // nil means time.Now
	Rand    io.Reader        // of uuid4; nil means crypto/rand
	Log     *slog.Logger     // takes what print prints; nil means nowhere
}
