// SPDX-License-Identifier: Apache-2.0

package body

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"
)

// A module is an imported module.
type module struct{ name string }

func (module) typeName() string { return "module" }
func (m module) repr() string   { return "<module '" + m.name + "'>" }

const moduleNames = "base64, json, os.path, sys, time and uuid"

func isModule(name string) bool {
	switch name {
	case "base64", "json", "os", "os.path", "posixpath", "sys", "time", "uuid":
		return true
	}
	return false
}

// moduleMember is what module has under name.
func moduleMember(in, name string) (Value, bool) {
	switch in + "." + name {
	case "os.path":
		return module{"os.path"}, true
	case "os.path.sep", "posixpath.sep":
		return "/", true
	case "json.JSONDecodeError":
		return typeObject{"JSONDecodeError"}, true
	case "uuid.UUID":
		return typeObject{"UUID"}, true
	case "sys.maxsize":
		return int64(1<<63 - 1), true
	}
	if _, ok := moduleFunc(in, name); ok {
		return builtin{name, module{in}}, true
	}
	return nil, false
}

func moduleFunc(in, name string) (native, bool) {
	switch in {
	case "base64":
		return base64Func(name)
	case "json":
		return jsonFunc(name)
	case "os.path", "posixpath":
		return pathFunc(name)
	case "uuid":
		return uuidFunc(name)
	case "time":
		return timeFunc(name)
	case "sys":
		if name == "exit" {
			return native{0, 1, nil, func(c *call) (Value, error) {
				e := &Exception{Class: "SystemExit"}
				if c.given(0) {
					e.Args = []Value{c.a[0]}
				}
				return nil, e
			}}, true
		}
	}
	return native{}, false
}

func timeFunc(name string) (native, bool) {
	switch name {
	case "time", "monotonic", "perf_counter":
		return native{0, 0, nil, func(c *call) (Value, error) {
			return float64(c.r.scope.Now().UnixNano()) / 1e9, nil
		}}, true
	case "time_ns":
		return native{0, 0, nil, func(c *call) (Value, error) { return c.r.scope.Now().UnixNano(), nil }}, true
	case "sleep":
		return native{1, 1, nil, timeSleep}, true
	case "strftime":
		return native{1, 1, nil, timeFormat}, true
	}
	return native{}, false
}

func timeSleep(c *call) (Value, error) {
	if !isNumber(c.a[0]) {
		return nil, typeError("'%s' object cannot be interpreted as an integer", typeName(c.a[0]))
	}
	seconds, err := toFloat(c.a[0])
	if err != nil {
		return nil, err
	}
	switch {
	case seconds != seconds:
		return nil, valueError("Invalid value NaN (not a number)")
	case seconds < 0:
		return nil, valueError("sleep length must be non-negative")
	case seconds > 1e9:
		return nil, raise("OverflowError", "timestamp too large to convert to C _PyTime_t")
	}
	t := time.NewTimer(time.Duration(seconds * float64(time.Second)))
	defer t.Stop()
	select {
	case <-t.C:
		return nil, nil
	case <-c.r.ctx.Done():
		return nil, &uncatchableError{fmt.Errorf("run the Body: %w", c.r.ctx.Err())}
	}
}

func timeFormat(c *call) (Value, error) {
	layout, err := c.strArg(0, "strftime() argument 1 must be str, not %s")
	if err != nil {
		return nil, err
	}
	now := c.r.scope.Now()
	var b strings.Builder
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' || i+1 >= len(layout) {
			b.WriteByte(layout[i])
			continue
		}
		i++
		b.WriteString(timeField(now, layout[i]))
	}
	return c.made(b.String())
}

func timeField(t time.Time, code byte) string {
	layouts := map[byte]string{
		'Y': "2006", 'm': "01", 'd': "02", 'H': "15", 'M': "04", 'S': "05", 'y': "06", 'a': "Mon", 'A': "Monday",
		'b': "Jan", 'B': "January", 'h': "Jan", 'p': "PM", 'I': "03", 'j': "002", 'z': "-0700", 'Z': "MST", 'e': "_2",
		'F': "2006-01-02", 'T': "15:04:05", 'R': "15:04", 'D': "01/02/06", 'c': "Mon Jan _2 15:04:05 2006", 'x': "01/02/06", 'X': "15:04:05",
	}
	if l, ok := layouts[code]; ok {
		return t.Format(l)
	}
	switch code {
	case '%':
		return "%"
	case 'n':
		return "\n"
	case 't':
		return "\t"
	case 's':
		return fmt.Sprint(t.Unix())
	case 'w':
		return fmt.Sprint(int(t.Weekday()))
	case 'u':
		return fmt.Sprint((int(t.Weekday())+6)%7 + 1)
	}
	return "%" + string(code)
}

func pathFunc(name string) (native, bool) {
	switch name {
	case "join":
		return native{1, 64, nil, pathJoin}, true
	case "basename", "dirname", "normpath", "split", "splitext", "isabs":
		return native{1, 1, nil, pathPart}, true
	case "exists", "isfile", "isdir", "lexists":
		return native{1, 1, nil, pathTest}, true
	}
	return native{}, false
}

func (c *call) paths() ([]string, error) {
	var list []string
	for i, a := range c.a {
		if !c.given(i) {
			break
		}
		s, ok := a.(string)
		if !ok {
			if c.name == "join" && i > 0 {
				return nil, typeError("join() argument must be str, bytes, or os.PathLike object, not '%s'", typeName(a))
			}
			return nil, typeError("expected str, bytes or os.PathLike object, not %s", typeName(a))
		}
		list = append(list, s)
	}
	return list, nil
}

func pathJoin(c *call) (Value, error) {
	list, err := c.paths()
	if err != nil {
		return nil, err
	}
	p := list[0]
	for _, s := range list[1:] {
		switch {
		case strings.HasPrefix(s, "/"):
			p = s
		case p == "" || strings.HasSuffix(p, "/"):
			p += s
		default:
			p += "/" + s
		}
	}
	return c.made(p)
}

func pathPart(c *call) (Value, error) {
	list, err := c.paths()
	if err != nil {
		return nil, err
	}
	p := list[0]
	at := strings.LastIndexByte(p, '/') + 1
	head, tail := p[:at], p[at:]
	if strings.Trim(head, "/") != "" {
		head = strings.TrimRight(head, "/")
	}
	switch c.name {
	case "basename":
		return tail, nil
	case "dirname":
		return head, nil
	case "split":
		return &Tuple{[]Value{head, tail}}, nil
	case "isabs":
		return strings.HasPrefix(p, "/"), nil
	case "normpath":
		if strings.HasPrefix(p, "//") && !strings.HasPrefix(p, "///") {
			return "/" + path.Clean(p), nil
		}
		return path.Clean(p), nil
	}
	dot := strings.LastIndexByte(tail, '.')
	if dot < 0 || strings.Trim(tail[:dot], ".") == "" {
		return &Tuple{[]Value{p, ""}}, nil
	}
	return &Tuple{[]Value{p[:at+dot], tail[dot:]}}, nil
}

func pathTest(c *call) (Value, error) {
	list, err := c.paths()
	if err != nil {
		return nil, err
	}
	if c.r.scope.Files.Stat == nil {
		return false, nil
	}
	info, err := c.r.scope.Files.Stat(list[0])
	if err != nil {
		return false, nil
	}
	switch c.name {
	case "isfile":
		return info.Mode().IsRegular(), nil
	case "isdir":
		return info.IsDir(), nil
	}
	return true, nil
}

// osError turns an error of the file policy into CPython's exception.
func osError(name string, err error) error {
	e := &Exception{cause: nil}
	number, text := int64(5), err.Error()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		number, text = 2, "No such file or directory"
	case errors.Is(err, fs.ErrExist):
		number, text = 17, "File exists"
	case errors.Is(err, fs.ErrPermission):
		number, text = 13, "Permission denied"
	case strings.Contains(text, "is a directory"):
		number, text = 21, "Is a directory"
	case strings.Contains(text, "not a directory"):
		number, text = 20, "Not a directory"
	case strings.Contains(text, "no space left"):
		number, text = 28, "No space left on device"
	}
	e.Class = osErrorClass(number)
	e.Args = []Value{number, text}
	e.text = fmt.Sprintf("[Errno %d] %s: %s", number, text, reprText(name))
	return e
}
