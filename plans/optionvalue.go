// SPDX-License-Identifier: Apache-2.0

package plans

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/openmurano/murano/plans/body"
)

// readTruth takes any value by Python's truth, as murano-agent does: the string
// "false" is true, null is false.
func readTruth(to *bool) func(string, body.Value) error {
	return func(_ string, v body.Value) error {
		*to = truthy(v)
		return nil
	}
}

// readBool takes true and false, and nothing else.
func readBool(to *bool) func(string, body.Value) error {
	return func(path string, v body.Value) error {
		b, ok := v.(bool)
		if !ok {
			return &FormatError{Path: path, Reason: kindOf(v) + " where a boolean is expected", Next: "write true or false"}
		}
		*to = b
		return nil
	}
}

// readText takes a string; null is the empty one.
func readText(path string, v body.Value, to *string) error {
	s, ok := v.(string)
	if !ok && v != nil {
		return &FormatError{Path: path, Reason: kindOf(v) + " where a string is expected", Next: "write it in quotes"}
	}
	if strings.ContainsRune(s, 0) {
		return &FormatError{Path: path, Reason: "holds a NUL", Next: "leave it out"}
	}
	*to = s
	return nil
}

func readUser(path string, v body.Value, to *string) error {
	if err := readText(path, v, to); err != nil {
		return err
	}
	if s := *to; v != nil && (s == "" || strings.ContainsAny(s, ":/ \t\n")) {
		return &FormatError{Path: path, Reason: fmt.Sprintf("%.80q is not the name of a user", s), Next: "name a user of the guest, or leave it out"}
	}
	return nil
}

func readWord(path string, v body.Value, to *string, words ...string) error {
	s, _ := v.(string)
	for _, w := range words {
		if s == w {
			*to = s
			return nil
		}
	}
	return &FormatError{Path: path, Reason: fmt.Sprintf("%.80s is none of %s", pyText(v), strings.Join(words, ", ")), Next: "write one of them in quotes"}
}

func readInt(path string, v body.Value, low, high int64, next string) (int64, error) {
	n, ok := v.(int64)
	if !ok || n < low || n > high {
		return 0, &FormatError{Path: path, Reason: fmt.Sprintf("%.80s is out of range", pyText(v)), Next: next}
	}
	return n, nil
}

// readDuration takes a number of seconds or text such as 90s, 20m, 1h30m, 2d.
func readDuration(path string, v body.Value, to *time.Duration) error {
	d, ok := duration(v)
	if !ok {
		return &FormatError{Path: path, Reason: fmt.Sprintf("%.80s is not a duration", pyText(v)), Next: `write seconds as a number, or text such as "90s", "20m", "1h30m"`}
	}
	*to = d
	return nil
}

func duration(v body.Value) (time.Duration, bool) {
	switch v := v.(type) {
	case int64:
		return time.Duration(v) * time.Second, v >= 0 && v <= int64(math.MaxInt64/time.Second)
	case float64:
		seconds := v * float64(time.Second)
		return time.Duration(math.Round(seconds)), seconds >= 0 && seconds < math.MaxInt64
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return duration(n)
		}
		if days, ok := strings.CutSuffix(v, "d"); ok {
			n, err := strconv.ParseInt(days, 10, 32)
			const bound = int64(math.MaxInt64 / (24 * time.Hour))
			return time.Duration(n) * 24 * time.Hour, err == nil && n >= 0 && n <= bound
		}
		d, err := time.ParseDuration(v)
		return d, err == nil && d >= 0
	}
	return 0, false
}

func readTexts(path string, v body.Value, to *[]string) error {
	list, ok := v.(*body.List)
	if !ok {
		return &FormatError{Path: path, Reason: kindOf(v) + " where a list is expected", Next: "write a list of strings"}
	}
	for i, item := range list.Items {
		s, ok := item.(string)
		if !ok {
			return &FormatError{Path: fmt.Sprintf("%s[%d]", path, i), Reason: kindOf(item) + " where a string is expected", Next: "write it in quotes"}
		}
		*to = append(*to, s)
	}
	return nil
}

// readEnv takes names with strings and whole numbers as values.
func readEnv(path string, v body.Value, to *map[string]string) error {
	d, ok := v.(*body.Dict)
	if !ok {
		return &FormatError{Path: path, Reason: kindOf(v) + " where an object is expected", Next: "write variables by name"}
	}
	for k, value := range d.All() {
		name := k.(string)
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return &FormatError{Path: fmt.Sprintf("%s[%q]", path, name), Reason: "not the name of a variable", Next: "leave = and NUL out of it"}
		}
		var s string
		switch value := value.(type) {
		case int64, *big.Int:
			s = pyText(value)
		case string:
			s = value
		default:
			return &FormatError{Path: path + "." + valid(name), Reason: kindOf(value) + " where a string is expected", Next: "write it in quotes"}
		}
		if strings.ContainsRune(s, 0) || valid(s) != s {
			return &FormatError{Path: path + "." + valid(name), Reason: "holds what no variable can, NUL or half a character", Next: "put it into a file"}
		}
		if *to == nil {
			*to = map[string]string{}
		}
		(*to)[name] = s
	}
	return nil
}

// readNested reads an object of options.
func readNested(path string, v body.Value, options []option) error {
	d, ok := v.(*body.Dict)
	if !ok {
		keys := make([]string, len(options))
		for i, o := range options {
			keys[i] = o.key
		}
		return &FormatError{Path: path, Reason: kindOf(v) + " where an object is expected", Next: "write an object of " + strings.Join(keys, ", ")}
	}
	strict := reader{format: MaxVersion()}
	return strict.readKeys(path, d, options)
}

func readRetry(path string, v body.Value, to *Retry) error {
	return readNested(path, v, []option{
		{"attempts", func(path string, v body.Value) error {
			n, err := readInt(path, v, 0, 1000, "write a number from 0 to 1000; 1 means no retry")
			to.Attempts = int(n)
			return err
		}},
		{"delay", func(path string, v body.Value) error { return readDuration(path, v, &to.Delay) }},
		{"maxDelay", func(path string, v body.Value) error { return readDuration(path, v, &to.MaxDelay) }},
		{"on", func(path string, v body.Value) error { return readExitCodes(path, v, &to.On) }},
		{"class", func(path string, v body.Value) error { return readClasses(path, v, &to.Class) }},
	})
}

func readExitCodes(path string, v body.Value, to *[]int) error {
	const next = "list exit codes from 1 to 255"
	list, ok := v.(*body.List)
	if !ok {
		return &FormatError{Path: path, Reason: kindOf(v) + " where a list is expected", Next: next}
	}
	for i, item := range list.Items {
		n, err := readInt(fmt.Sprintf("%s[%d]", path, i), item, 1, 255, next)
		if err != nil {
			return err
		}
		*to = append(*to, int(n))
	}
	return nil
}

func readClasses(path string, v body.Value, to *[]string) error {
	list, ok := v.(*body.List)
	if !ok {
		return &FormatError{Path: path, Reason: kindOf(v) + " where a list is expected", Next: "list network, lock or both"}
	}
	for i, item := range list.Items {
		var word string
		if err := readWord(fmt.Sprintf("%s[%d]", path, i), item, &word, "network", "lock"); err != nil {
			return err
		}
		*to = append(*to, word)
	}
	return nil
}

func readLimits(path string, v body.Value, to *Limits) error {
	return readNested(path, v, []option{
		{"memory", func(path string, v body.Value) error { return readBytes(path, v, &to.Memory) }},
		{"cpu", func(path string, v body.Value) error { return readPercent(path, v, &to.CPU) }},
		{"pids", func(path string, v body.Value) error {
			n, err := readInt(path, v, 0, 1<<22, "write a number of processes; 0 means no bound")
			to.Pids = int(n)
			return err
		}},
	})
}

// readBytes takes a number of bytes, or text with K, M, G or T after it, powers
// of 1024 as systemd has them.
func readBytes(path string, v body.Value, to *int64) error {
	if n, ok := v.(int64); ok && n >= 0 {
		*to = n
		return nil
	}
	s, _ := v.(string)
	digits, shift := s, 0
	if i := strings.IndexAny(s, "KMGT"); i >= 0 && i == len(s)-1 {
		digits, shift = s[:i], 10*(strings.IndexByte("KMGT", s[i])+1)
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64>>shift {
		return &FormatError{Path: path, Reason: fmt.Sprintf("%.80s is not a number of bytes", pyText(v)), Next: `write a number, or text such as "512M", "1G"`}
	}
	*to = n << shift
	return nil
}

// readPercent takes text such as 150%, of one processor.
func readPercent(path string, v body.Value, to *int) error {
	s, _ := v.(string)
	digits, ok := strings.CutSuffix(s, "%")
	n, err := strconv.ParseInt(digits, 10, 32)
	if !ok || err != nil || n < 1 {
		return &FormatError{Path: path, Reason: fmt.Sprintf("%.80s is not a percentage of one processor", pyText(v)), Next: `write text such as "50%", or "200%" for two processors`}
	}
	*to = int(n)
	return nil
}
