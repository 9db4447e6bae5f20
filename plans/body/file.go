// SPDX-License-Identifier: Apache-2.0

package body

import (
	"io"
	"os"
	"strings"
)

// A file is what open() gives: read whole at once, written as it comes.
type file struct {
	r      *run
	name   string
	mode   string
	binary bool
	codec  string
	data   string // what is still to be read
	out    io.WriteCloser
	closed bool
}

func (f *file) typeName() string {
	switch {
	case !f.binary:
		return "TextIOWrapper"
	case f.out != nil:
		return "BufferedWriter"
	}
	return "BufferedReader"
}

func (f *file) repr() string { return "<_io." + f.typeName() + " name=" + reprText(f.name) + ">" }

func builtinOpen(c *call) (Value, error) {
	name, ok := c.a[0].(string)
	if !ok {
		return nil, typeError("expected str, bytes or os.PathLike object, not %s", typeName(c.a[0]))
	}
	if strings.IndexByte(name, 0) >= 0 {
		return nil, valueError("embedded null byte")
	}
	f := &file{r: c.r, name: name, mode: "r", codec: "utf-8"}
	if c.given(1) {
		if f.mode, ok = c.a[1].(string); !ok {
			return nil, typeError("open() argument 'mode' must be str, not %s", typeName(c.a[1]))
		}
	}
	if c.given(3) && c.a[3] != nil {
		codec, err := codecName(c.a[3])
		if err != nil {
			return nil, err
		}
		f.codec = codec
	}
	flag, err := f.flag()
	if err != nil {
		return nil, err
	}
	if flag == 0 {
		if err := f.load(); err != nil {
			return nil, err
		}
	} else {
		if c.r.scope.Files.Write == nil {
			return nil, osError(name, os.ErrPermission)
		}
		if f.out, err = c.r.scope.Files.Write(name, flag); err != nil {
			return nil, osError(name, err)
		}
		c.r.files = append(c.r.files, f)
	}
	return f, nil
}

// flag reads the mode: 0 to read, else os.OpenFile's flag.
func (f *file) flag() (int, error) {
	kinds, flag := 0, 0
	for i, m := range f.mode {
		if strings.ContainsRune(f.mode[:i], m) {
			return 0, &Exception{Class: "ValueError", Args: []Value{"invalid mode: " + reprText(f.mode)}}
		}
		switch m {
		case 'r':
			kinds++
		case 'w':
			kinds++
			flag = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
		case 'a':
			kinds++
			flag = os.O_WRONLY | os.O_CREATE | os.O_APPEND
		case 'x':
			kinds++
			flag = os.O_WRONLY | os.O_CREATE | os.O_EXCL
		case 'b':
			f.binary = true
		case 't':
		case '+':
			return 0, valueError("mode with + is not part of a Body; open the file twice")
		default:
			return 0, &Exception{Class: "ValueError", Args: []Value{"invalid mode: " + reprText(f.mode)}}
		}
	}
	if f.binary && strings.Contains(f.mode, "t") {
		return 0, valueError("can't have text and binary mode at once")
	}
	if kinds != 1 {
		return 0, valueError("must have exactly one of create/read/write/append mode")
	}
	return flag, nil
}

func (f *file) load() error {
	if f.r.scope.Files.Read == nil {
		return osError(f.name, os.ErrPermission)
	}
	b, err := f.r.scope.Files.Read(f.name)
	if err != nil {
		return osError(f.name, err)
	}
	if err := f.r.alloc(len(b)); err != nil {
		return err
	}
	f.data = string(b)
	if f.binary {
		return nil
	}
	v, err := f.r.decode(f.data, f.codec, "strict")
	if err != nil {
		return err
	}
	f.data = oneLineEnd(v.(string))
	return nil
}

func (f *file) check(reading bool) error {
	switch {
	case f.closed:
		return valueError("I/O operation on closed file.")
	case reading && f.out != nil && f.binary:
		return raise("UnsupportedOperation", "read")
	case reading && f.out != nil:
		return raise("UnsupportedOperation", "not readable")
	case !reading && f.out == nil && f.binary:
		return raise("UnsupportedOperation", "write")
	case !reading && f.out == nil:
		return raise("UnsupportedOperation", "not writable")
	}
	return nil
}

func (f *file) value(s string) Value {
	if f.binary {
		return Bytes(s)
	}
	return s
}

// read reads n characters (bytes of a binary file), all where n is negative.
func (f *file) read(n int) (Value, error) {
	if err := f.check(true); err != nil {
		return nil, err
	}
	at := len(f.data)
	switch {
	case n < 0:
	case f.binary:
		at = min(n, at)
	default:
		at = offsetOf(f.data, n)
	}
	s := f.data[:at]
	f.data = f.data[at:]
	return f.value(s), f.r.alloc(len(s))
}

func (f *file) readLine() (string, error) {
	if err := f.check(true); err != nil {
		return "", err
	}
	at := strings.IndexByte(f.data, '\n') + 1
	if at == 0 {
		at = len(f.data)
	}
	s := f.data[:at]
	f.data = f.data[at:]
	return s, nil
}

func (f *file) lines() (iterator, error) {
	if err := f.check(true); err != nil {
		return nil, err
	}
	return nextFunc(func() (Value, bool, error) {
		s, err := f.readLine()
		return f.value(s), err == nil && s != "", err
	}), nil
}

func (f *file) write(v Value) (Value, error) {
	if err := f.check(false); err != nil {
		return nil, err
	}
	var out string
	n := 0
	switch v := v.(type) {
	case string:
		if f.binary {
			return nil, typeError("a bytes-like object is required, not 'str'")
		}
		b, err := encodeText(v, f.codec, "strict")
		if err != nil {
			return nil, err
		}
		out, n = string(b), textLen(v)
	case Bytes:
		if !f.binary {
			return nil, typeError("write() argument must be str, not bytes")
		}
		out, n = string(v), len(v)
	default:
		if f.binary {
			return nil, typeError("a bytes-like object is required, not '%s'", typeName(v))
		}
		return nil, typeError("write() argument must be str, not %s", typeName(v))
	}
	if err := f.r.alloc(len(out)); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(f.out, out); err != nil {
		return nil, osError(f.name, err)
	}
	return int64(n), nil
}

func (f *file) close() error {
	if f.closed {
		return nil
	}
	f.closed = true
	if f.out == nil {
		return nil
	}
	if err := f.out.Close(); err != nil {
		return osError(f.name, err)
	}
	return nil
}

func fileMethod(name string) (native, bool) {
	self := func(c *call) *file { return c.self.(*file) }
	switch name {
	case "read":
		return native{0, 1, nil, func(c *call) (Value, error) {
			if c.given(0) && c.a[0] == nil {
				return self(c).read(-1)
			}
			n, err := c.intArg(0, -1)
			if err != nil {
				return nil, err
			}
			return self(c).read(n)
		}}, true
	case "readline":
		return native{0, 0, nil, func(c *call) (Value, error) {
			s, err := self(c).readLine()
			return self(c).value(s), err
		}}, true
	case "readlines":
		return native{0, 0, nil, func(c *call) (Value, error) {
			items, err := c.r.collect(self(c))
			return &List{items}, err
		}}, true
	case "write":
		return native{1, 1, nil, func(c *call) (Value, error) { return self(c).write(c.a[0]) }}, true
	case "writelines":
		return native{1, 1, nil, func(c *call) (Value, error) {
			it, err := c.r.iter(c.a[0])
			if err != nil {
				return nil, err
			}
			return nil, c.r.each(it, func(v Value) error {
				_, err := self(c).write(v)
				return err
			})
		}}, true
	case "flush":
		return native{0, 0, nil, func(c *call) (Value, error) { return nil, nil }}, true
	case "close":
		return native{0, 0, nil, func(c *call) (Value, error) { return nil, self(c).close() }}, true
	}
	return native{}, false
}
