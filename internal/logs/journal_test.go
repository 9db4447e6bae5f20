// SPDX-License-Identifier: Apache-2.0

//go:build linux

package logs_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openmurano/murano/internal/logs"
)

// journald is a socket that receives as journald does.
func journald(t *testing.T) (path string, next func() map[string]string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "socket")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return path, func() map[string]string {
		t.Helper()
		b := make([]byte, 1<<20)
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return native(t, b[:n])
	}
}

// native reads the native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL).
func native(t *testing.T, b []byte) map[string]string {
	t.Helper()
	got := make(map[string]string)
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			t.Fatalf("a field without end: %q", b)
		}
		if key, value, ok := strings.Cut(string(b[:end]), "="); ok {
			got[key], b = value, b[end+1:]
			continue
		}
		key := string(b[:end])
		size := binary.LittleEndian.Uint64(b[end+1:])
		b = b[end+9:]
		got[key] = string(b[:size])
		if b[size] != '\n' {
			t.Fatalf("%s: no line end behind the value", key)
		}
		b = b[size+1:]
	}
	return got
}

func TestTheJournalHasAFieldForEachAttribute(t *testing.T) {
	path, next := journald(t)
	j := logs.NewJournal(logs.JournalOptions{Socket: path, Identifier: "murano-agent", Prefix: "MURANO_", Level: slog.LevelDebug})
	defer j.Close()
	log := slog.New(j)
	for _, tt := range []struct {
		name  string
		write func()
		want  map[string]string
	}{
		{"plan, script and attempt", func() {
			log.With("plan", "p 1").Info("script ended", "script", "deploy", "attempt", 2, "exit", 0)
		}, map[string]string{
			"MESSAGE": `script ended plan="p 1" script=deploy attempt=2 exit=0`, "PRIORITY": "6", "SYSLOG_IDENTIFIER": "murano-agent",
			"MURANO_PLAN": "p 1", "MURANO_SCRIPT": "deploy", "MURANO_ATTEMPT": "2", "MURANO_EXIT": "0",
		}},
		{"an error of several lines", func() { log.Error("went wrong", "error", errors.New("one\ntwo=2")) }, map[string]string{
			"MESSAGE": `went wrong error="one\ntwo=2"`, "PRIORITY": "3", "SYSLOG_IDENTIFIER": "murano-agent", "MURANO_ERROR": "one\ntwo=2",
		}},
		{"groups, and keys the journal has no letters for", func() { log.WithGroup("g").Warn("w", "max-size", "", slog.Group("h", "k", time.Second)) }, map[string]string{
			"MESSAGE": `w g.max-size="" g.h.k=1s`, "PRIORITY": "4", "SYSLOG_IDENTIFIER": "murano-agent", "MURANO_G_MAX_SIZE": "", "MURANO_G_H_K": "1s",
		}},
		{"debug", func() { log.Debug("d") }, map[string]string{"MESSAGE": "d", "PRIORITY": "7", "SYSLOG_IDENTIFIER": "murano-agent"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.write()
			if d := cmp.Diff(tt.want, next()); d != "" {
				t.Error(d)
			}
		})
	}
	long := strings.Repeat("x", 40<<10)
	log.Info("long", "a", long, "b", long, "c", long, "d", long, "e", long, "f", long, "g", long, "h", long, "i", long)
	if got := next(); !strings.HasPrefix(got["MESSAGE"], "long a=") || len(got["MESSAGE"]) > 17<<10 {
		t.Errorf("a record that no datagram takes: %.20q of %d bytes", got["MESSAGE"], len(got["MESSAGE"]))
	}
}

func TestWithoutAJournalTheLineGoesElsewhere(t *testing.T) {
	var out bytes.Buffer
	j := logs.NewJournal(logs.JournalOptions{Socket: filepath.Join(t.TempDir(), "gone"), Otherwise: &out})
	slog.New(j).Error("went wrong", "plan", "a\nb")
	slog.New(j).Debug("not at this level")
	if got, want := out.String(), "<3>went wrong plan=\"a\\nb\"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	j.Close()
	if err := j.Handle(t.Context(), slog.NewRecord(time.Now(), slog.LevelInfo, "m", 0)); err != nil {
		t.Errorf("after Close: %v", err)
	}
	lone := logs.NewJournal(logs.JournalOptions{Socket: filepath.Join(t.TempDir(), "gone")})
	if err := lone.Handle(t.Context(), slog.NewRecord(time.Now(), slog.LevelInfo, "m", 0)); err == nil {
		t.Error("a record that went nowhere is no error")
	}
}

func TestTheJournalMayComeLater(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	j := logs.NewJournal(logs.JournalOptions{Socket: filepath.Join(dir, "socket"), Otherwise: &out})
	defer j.Close()
	slog.New(j).Info("before")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "socket"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	slog.New(j).Info("after")
	b := make([]byte, 4096)
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, err := conn.Read(b)
	if err != nil || native(t, b[:n])["MESSAGE"] != "after" || out.String() != "<6>before\n" {
		t.Errorf("the journal has %q, %v; elsewhere is %q", b[:n], err, out.String())
	}
}

func TestAJournalThatIsFullIsWaitedForAndOneThatHangsIsNotForEachLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const lines = 3000 // more than net.unix.max_dgram_qlen, or the sender's buffer
	read := make(chan int)
	go func() {
		b := make([]byte, 4096)
		time.Sleep(300 * time.Millisecond)
		n := 0
		for ; n < lines; n++ {
			conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			if _, err := conn.Read(b); err != nil {
				break
			}
		}
		read <- n
	}()
	var out bytes.Buffer
	j := logs.NewJournal(logs.JournalOptions{Socket: path, Otherwise: &out})
	defer j.Close()
	log := slog.New(j)
	for range lines {
		log.Info("line")
	}
	if n := <-read; n != lines || out.Len() != 0 {
		t.Errorf("the journal has %d lines of %d; elsewhere is %.100q", n, lines, out.String())
	}
	for range lines { // nobody reads any more
		if log.Info("line"); out.Len() > 0 {
			break
		}
	}
	start := time.Now()
	for range 100 {
		log.Info("line")
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("100 lines beside a journal that hangs took %v", took)
	}
	if n := strings.Count(out.String(), "\n"); n != 101 {
		t.Errorf("%d lines elsewhere, want 101", n)
	}
}
