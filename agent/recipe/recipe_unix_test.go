// SPDX-License-Identifier: Apache-2.0

//go:build unix

package recipe_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/recipe"
)

// nothing runs nothing.
type nothing struct{}

func (nothing) Run(context.Context, agent.Call) (agent.Output, error) {
	return agent.Output{}, errors.New("it was run")
}

// The folder of a script may belong to its user, and something of an earlier
// call may be at work in it.
func TestNothingIsWrittenBehindALinkThatTheScriptsUserMade(t *testing.T) {
	dir, victim := t.TempDir(), t.TempDir()
	if err := os.Symlink(victim, filepath.Join(dir, ".run")); err != nil {
		t.Fatal(err)
	}
	run, err := recipe.Folder(dir, map[string]string{"node.json": "{}"})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(run, "node.json")); err != nil || string(text) != "{}" {
		t.Errorf("%q, %v", text, err)
	}
	if err := errors.Join(os.RemoveAll(run), os.Symlink(victim, run)); err != nil {
		t.Fatal(err)
	}
	if _, err := recipe.Run(t.Context(), nothing{}, agent.Call{Dir: dir}, run, "puppet"); err == nil || err.Error() == "it was run" {
		t.Errorf("got %v", err)
	}
	if entries, err := os.ReadDir(victim); err != nil || len(entries) != 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestAFileThatIsThereIsNotWrittenInto(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "solo.rb")
	if err := os.WriteFile(name, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := recipe.Write(root, "solo.rb", "other", 0o600); !errors.Is(err, os.ErrExist) {
		t.Errorf("got %v", err)
	}
	if text, _ := os.ReadFile(name); string(text) != "mine" {
		t.Errorf("got %q", text)
	}
}
