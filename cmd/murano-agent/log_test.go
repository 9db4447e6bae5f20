// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/agent/config"
)

func TestTheJournalKnowsPlanAndScript(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "journal")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var stderr bytes.Buffer
	log, err := newLog(config.Log{Format: "journal"}, &stderr, socket)
	if err != nil {
		t.Fatal(err)
	}
	read := func() string {
		t.Helper()
		b := make([]byte, 64<<10)
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	of := log.With("plan", "4f0c9a")
	of.Warn("script ended", "script", "deploy", "attempt", 1)
	if got, want := read(), "MESSAGE=script ended plan=4f0c9a script=deploy attempt=1\nPRIORITY=4\nSYSLOG_IDENTIFIER=murano-agent\nMURANO_PLAN=4f0c9a\nMURANO_SCRIPT=deploy\nMURANO_ATTEMPT=1\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	of.Warn("script ended", "script", "deploy", "attempt", 2)
	of.Warn("script ended", "script", "deploy", "attempt", 3)
	log.Close()
	if got := read(); !strings.HasPrefix(got, "MESSAGE=script ended ... repeated 2 times in 0s plan=4f0c9a script=deploy attempt=3 repeated=2\nPRIORITY=4\n") || !strings.HasSuffix(got, "MURANO_REPEATED=2\n") {
		t.Errorf("the count is %q", got)
	}
	if stderr.Len() > 0 {
		t.Errorf("on standard error too: %s", &stderr)
	}
}

func TestWhereTheLogGoes(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "agent.log")
	for _, tt := range []struct {
		name         string
		c            config.Log
		file, stderr string // what begins there
	}{
		{"to standard error, which is no journal", config.Log{Format: "auto"}, "", "time="},
		{"as text", config.Log{Format: "text"}, "", "time="},
		{"as JSON", config.Log{Format: "json"}, "", `{"time":`},
		{"to a file", config.Log{Format: "auto", File: file}, "time=", ""},
		{"to a file as JSON", config.Log{Format: "json", File: file}, `{"time":`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			os.Remove(file)
			var stderr bytes.Buffer
			log, err := newLog(tt.c, &stderr, "")
			if err != nil {
				t.Fatal(err)
			}
			log.Debug("not shown")
			log.Info("state")
			log.Close()
			b, _ := os.ReadFile(file)
			for where, got := range map[string][2]string{"file": {string(b), tt.file}, "standard error": {stderr.String(), tt.stderr}} {
				if !strings.HasPrefix(got[0], got[1]) || (got[0] == "") != (got[1] == "") || strings.Contains(got[0], "not shown") {
					t.Errorf("%s: %q", where, got[0])
				}
			}
		})
	}
	if _, err := newLog(config.Log{Format: "text", File: filepath.Join(dir, "agent.log", "x")}, &bytes.Buffer{}, ""); err == nil || !strings.Contains(err.Error(), "log.file: ") || !strings.Contains(err.Error(), "name another file") {
		t.Errorf("a file that cannot be: %v", err)
	}
}

func TestTheInventoryTellsTheGuestAndNothingElse(t *testing.T) {
	got := inventory()
	for _, key := range []string{"os", "arch", "cpus", "kernel", "memory", "interpreters", "distribution"} {
		if got[key] == "" {
			t.Errorf("no %s in %v", key, got)
		}
	}
	size := 0
	for key, value := range got {
		size += len(key) + len(value)
		if strings.ContainsAny(value, "\n\x00") {
			t.Errorf("%s is %q", key, value)
		}
	}
	if size > 2048 {
		t.Errorf("%d bytes for a hello", size)
	}
}

func TestTheVersionOfSystemdIsThatOfItsLibrary(t *testing.T) {
	for name, want := range map[string]string{
		"libsystemd-shared-252.so": "252", "libsystemd-shared-253.4-1.fc38.so": "253", "libsystemd-shared-257~rc1.so": "257", "libsystemd.so": "",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := libraryVersion(filepath.Join(dir, "none"), dir); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
