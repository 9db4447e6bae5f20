// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"
)

// JournalSocket is where journald receives (systemd.io/JOURNAL_NATIVE_PROTOCOL).
const JournalSocket = "/run/systemd/journal/socket"

// JournalOptions are those of NewJournal.
type JournalOptions struct {
	Socket     string       // "" means JournalSocket
	Identifier string       // SYSLOG_IDENTIFIER: the name of the program
	Prefix     string       // of the fields: "MURANO_" makes MURANO_PLAN of the attribute plan
	Level      slog.Leveler // nil means info
	// Otherwise gets a record as a line of text when the journal does not take
	// it. nil means it is lost, with an error.
	Otherwise io.Writer
}

// A Journal is a slog.Handler that writes to journald: each attribute is a
// field of its own and stands in MESSAGE too, which is what journalctl shows.
//
// It speaks the native protocol itself instead of through go-systemd's package
// journal, which knows one socket for the whole process and no other.
type Journal struct {
	o    JournalOptions
	wire *wire
	with []field
	path string // of the groups: "group."
}

// A field is an attribute as it is written.
type field struct{ key, value string }

// wire is the socket, shared by a Journal and what was derived from it.
type wire struct {
	to net.UnixAddr

	mu    sync.Mutex
	conn  *net.UnixConn // nil until the first record, and after an error
	again time.Time     // not before; zero: now
}

var _ slog.Handler = (*Journal)(nil)

// NewJournal makes a handler. Whether journald is there shows with the first record.
func NewJournal(o JournalOptions) *Journal {
	if o.Level == nil {
		o.Level = slog.LevelInfo
	}
	return &Journal{o: o, wire: &wire{to: net.UnixAddr{Name: cmp.Or(o.Socket, JournalSocket), Net: "unixgram"}}}
}

// Enabled tells whether level is written.
func (j *Journal) Enabled(_ context.Context, level slog.Level) bool {
	return level >= j.o.Level.Level()
}

// WithAttrs returns a Journal whose records have attrs.
func (j *Journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	k := *j
	k.with = fields(j.with[:len(j.with):len(j.with)], j.path, attrs...)
	return &k
}

// WithGroup returns a Journal whose later attributes have name before theirs.
func (j *Journal) WithGroup(name string) slog.Handler {
	if name == "" {
		return j
	}
	k := *j
	k.path += name + "."
	return &k
}

// Handle writes r.
func (j *Journal) Handle(_ context.Context, r slog.Record) error {
	all := j.with[:len(j.with):len(j.with)]
	r.Attrs(func(a slog.Attr) bool {
		all = fields(all, j.path, a)
		return true
	})
	message := line(r.Message, all)
	err := j.wire.send(j.datagram(r.Level, message, all))
	if errors.Is(err, syscall.EMSGSIZE) {
		// More than net.core.wmem_default, 208 KiB, takes at once: the line alone.
		err = j.wire.send(j.datagram(r.Level, short(message, 16<<10), nil))
	}
	if err != nil && j.o.Otherwise != nil {
		_, err = io.WriteString(j.o.Otherwise, "<"+priority(r.Level)+">"+strings.ReplaceAll(message, "\n", " ")+"\n")
	}
	return err
}

// Close gives the socket back; a record after it opens it again.
func (j *Journal) Close() error { return j.wire.close() }

// fields appends attrs to fs, groups as group.key.
func fields(fs []field, path string, attrs ...slog.Attr) []field {
	for _, a := range attrs {
		v := a.Value.Resolve()
		switch {
		case a.Equal(slog.Attr{}):
		case v.Kind() == slog.KindGroup && a.Key == "":
			fs = fields(fs, path, v.Group()...)
		case v.Kind() == slog.KindGroup:
			fs = fields(fs, path+a.Key+".", v.Group()...)
		default:
			fs = append(fs, field{path + a.Key, short(v.String(), 32<<10)})
		}
	}
	return fs
}

// short is s, cut to n bytes.
func short(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + " ..."
}

// line is what a person reads: the message and key=value behind it.
func line(message string, fs []field) string {
	var b strings.Builder
	b.WriteString(message)
	for _, f := range fs {
		b.WriteString(" " + f.key + "=")
		if f.value == "" || strings.ContainsFunc(f.value, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == '"' || r == '=' }) {
			b.WriteString(strconv.Quote(f.value))
		} else {
			b.WriteString(f.value)
		}
	}
	return b.String()
}

// priority is syslog's number for level (RFC 5424, 6.2.1).
func priority(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "3"
	case level >= slog.LevelWarn:
		return "4"
	case level >= slog.LevelInfo:
		return "6"
	}
	return "7"
}

// datagram is a record in the native protocol: KEY=value and a line end, or, if
// there is one in the value, KEY, its length as 64 bits, the value.
func (j *Journal) datagram(level slog.Level, message string, fs []field) []byte {
	var b bytes.Buffer
	add := func(key, value string) {
		b.WriteString(key)
		if !strings.Contains(value, "\n") {
			b.WriteString("=" + value + "\n")
			return
		}
		b.WriteByte('\n')
		b.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(value))))
		b.WriteString(value + "\n")
	}
	add("MESSAGE", message)
	add("PRIORITY", priority(level))
	if j.o.Identifier != "" {
		add("SYSLOG_IDENTIFIER", j.o.Identifier)
	}
	for _, f := range fs {
		add(name(j.o.Prefix, f.key), f.value)
	}
	return b.Bytes()
}

// name is a key as the journal takes names of fields: A-Z, 0-9 and _, at most
// 64 of them, the first no digit and, as journald keeps those to itself, no _.
func name(prefix, key string) string {
	n := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, prefix+key)
	if n == "" || n[0] < 'A' || n[0] > 'Z' {
		n = "X" + n
	}
	return n[:min(len(n), 64)]
}

// patience bounds one write: journald that hangs must not hang the program.
// After one that was given up, the next are not tried for as long as rest.
const (
	patience = 2 * time.Second
	rest     = 30 * time.Second
)

var errHangs = errors.New("the journal takes nothing; it is tried again in a while")

func (w *wire) send(b []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Now().Before(w.again) {
		return errHangs
	}
	if w.conn == nil {
		// Not connected: journald may come and go.
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram"})
		if err != nil {
			return err
		}
		w.conn = conn
	}
	// A queue that is full wakes no sender that is not connected (unix(7)): it is
	// tried again and again.
	for over := time.Now().Add(patience); ; {
		if err := w.conn.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			return err
		}
		_, _, err := w.conn.WriteMsgUnix(b, nil, &w.to)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if time.Now().After(over) {
			w.again = time.Now().Add(rest)
			return err
		}
	}
}

func (w *wire) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn == nil {
		return nil
	}
	conn := w.conn
	w.conn = nil
	return conn.Close()
}
