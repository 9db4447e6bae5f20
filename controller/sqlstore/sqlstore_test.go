// SPDX-License-Identifier: Apache-2.0

package sqlstore_test

import (
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/controller/sqlstore"
	"github.com/openmurano/murano/controller/storetest"
)

func TestAStoreInAFile(t *testing.T) {
	storetest.Run(t, true, func(t *testing.T, folder string) storetest.Store {
		return open(t, filepath.Join(folder, "murano.db"))
	})
}

func TestAStoreInMemory(t *testing.T) {
	storetest.Run(t, false, func(t *testing.T, _ string) storetest.Store {
		db, err := sqlstore.InMemory(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return db
	})
}

func open(t *testing.T, path string) *sqlstore.DB {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestTwoStoresInMemoryShareNothing(t *testing.T) {
	var stores []*sqlstore.DB
	for range 2 {
		db, err := sqlstore.InMemory(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		stores = append(stores, db)
	}
	if err := stores[0].PutPackage(t.Context(), controller.PackageRecord{Digest: "1", Name: "a", Zip: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if list, err := stores[1].Packages(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("packages %v, %v", list, err)
	}
}

func TestAFileHasOneController(t *testing.T) {
	path := filepath.Join(t.TempDir(), "murano.db")
	db := open(t, path)
	if other, err := sqlstore.Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "another controller uses it") {
		t.Errorf("a second one: %v, %v", other, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, path).Close(); err != nil {
		t.Error(err)
	}
}

func TestAFileIsItsOwnersAlone(t *testing.T) {
	folder := t.TempDir()
	db := open(t, filepath.Join(folder, "odd name?#%.db"))
	defer db.Close()
	if err := db.PutPackage(t.Context(), controller.PackageRecord{Digest: "1", Name: "a", Zip: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 3 { // the file, its lock, its write-ahead log
		t.Errorf("only %v", files)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(f.Name(), "odd name?#%.db") || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f.Name(), info.Mode())
		}
	}
}

func TestAFileOfANewerProgramIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "murano.db")
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)"); err != nil {
		t.Fatal(err)
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err := sqlstore.Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "9999") {
		t.Errorf("opened: %v, %v", db, err)
	}
}

func TestAFileThatIsNoStoreIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "murano.db")
	text := strings.Repeat("this is a letter, not a database\n", 100)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if db, err := sqlstore.Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("opened: %v, %v", db, err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != text {
		t.Errorf("the file was changed, %v", err)
	}
}

// The test's own program is the one that is killed: it writes until it ends.
func TestWhatWasAcknowledgedSurvivesKill(t *testing.T) {
	path := os.Getenv("SQLSTORE_TEST_WRITE")
	if path != "" {
		write(t, path)
		return
	}
	path = filepath.Join(t.TempDir(), "murano.db")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run=^TestWhatWasAcknowledgedSurvivesKill$")
	cmd.Env = append(os.Environ(), "SQLSTORE_TEST_WRITE="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := make([]byte, 25)
	for n := 0; n < len(acknowledged); {
		k, err := out.Read(acknowledged[n:])
		if n += k; err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	db := open(t, path)
	defer db.Close()
	if list, err := db.Packages(t.Context()); err != nil || len(list) < len(acknowledged) {
		t.Errorf("%d of %d acknowledged writes are there, %v", len(list), len(acknowledged), err)
	}
}

// write puts packages, and prints one byte for each once it is safe.
func write(t *testing.T, path string) {
	db := open(t, path)
	for i := 0; ; i++ {
		name := strings.Repeat("a", i+1)
		if err := db.PutPackage(t.Context(), controller.PackageRecord{Digest: name, Name: name, Zip: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		os.Stdout.Write([]byte("+"))
	}
}

func TestAFileThatEverybodyCouldReadIsClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "murano.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	db, err := sqlstore.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("mode %v", info.Mode())
	}
}
