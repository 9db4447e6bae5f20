// SPDX-License-Identifier: Apache-2.0

//go:build unix

package puppet_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/openmurano/murano/plans/body"
)

func TestAPipeInAModuleIsNotWaitedFor(t *testing.T) {
	c := call(t, "m::c", body.NewDict("x", "y"))
	at := filepath.Join(c.Dir, "m", "hiera.yaml")
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(at, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, c); err == nil {
		t.Error("no error")
	}
}
