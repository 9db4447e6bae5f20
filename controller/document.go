// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// maxDocument bounds one YAML document, in bytes.
const maxDocument = 1 << 20

// maxNodes bounds the values of one document, its aliases unfolded.
const maxNodes = 100_000

// A document is a YAML text being read strictly: what does not fit becomes a
// fault with file, line and path, and reading goes on, so that an author sees
// all faults at once.
type document struct {
	file   string // for faults; may be empty
	faults Faults
}

// A field is one key of a mapping and its value.
type field struct {
	key  string
	path string
	at   *yaml.Node // of the key
	node *yaml.Node // of the value, alias followed
}

func (d *document) fault(n *yaml.Node, path, what, do string) {
	line := 0
	if n != nil {
		line = n.Line
	}
	d.faults = append(d.faults, Fault{File: d.file, Line: line, Path: path, What: what, Do: do})
}

var yamlLine = regexp.MustCompile(`^line (\d+): `)

// root parses b and gives its top node, nil after a fault.
func (d *document) root(b []byte) *yaml.Node {
	if len(b) > maxDocument {
		d.fault(nil, "", fmt.Sprintf("%d bytes are more than the %d a document may have", len(b), maxDocument), "move large content into files under Resources/scripts")
		return nil
	}
	dec := yaml.NewDecoder(strings.NewReader(string(b)))
	var top yaml.Node
	switch err := dec.Decode(&top); {
	case errors.Is(err, io.EOF):
		d.fault(nil, "", "the document is empty", "see the examples directory for its form")
		return nil
	case err != nil:
		text := strings.TrimPrefix(err.Error(), "yaml: ")
		f := Fault{File: d.file, What: "is not YAML: " + text, Do: "check indentation, quotes and tabs near that line"}
		if m := yamlLine.FindStringSubmatch(text); m != nil {
			f.Line, _ = strconv.Atoi(m[1])
			f.What = "is not YAML: " + text[len(m[0]):]
		}
		d.faults = append(d.faults, f)
		return nil
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		d.fault(nil, "", "holds more than one YAML document", "keep only the first, without further --- lines")
		return nil
	}
	if where, what := unfold(top.Content[0]); what != "" {
		d.fault(where, "", what, "write the values out, in fewer levels")
		return nil
	}
	return d.follow(top.Content[0])
}

// unfold looks at a document as its aliases unfold it, without unfolding it,
// and says what is wrong with that. All reading afterwards is bounded by it.
func unfold(top *yaml.Node) (where *yaml.Node, what string) {
	const open, maxDepth = -1, 100
	sizes := map[*yaml.Node]int{}
	var size func(n *yaml.Node, depth int) int
	size = func(n *yaml.Node, depth int) int {
		switch known, seen := sizes[n]; {
		case what != "":
			return 0
		case seen && known == open:
			where, what = n, "an alias stands inside what it is an alias of"
			return 0
		case depth > maxDepth:
			where, what = n, fmt.Sprintf("values are nested more than %d deep", maxDepth)
			return 0
		case seen:
			return known
		}
		sizes[n] = open
		total := 1
		if n.Alias != nil {
			total += size(n.Alias, depth+1)
		}
		for _, c := range n.Content {
			total += size(c, depth+1)
		}
		if total > maxNodes && what == "" {
			where, what = n, fmt.Sprintf("aliases unfold to more than %d values", maxNodes)
		}
		sizes[n] = total
		return total
	}
	size(top, 0)
	return where, what
}

func (d *document) follow(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// mapping reads n as a mapping with text keys. With known keys, any other is a
// fault that names the nearest.
func (d *document) mapping(n *yaml.Node, path string, known ...string) []field {
	if d.absent(n) {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		d.fault(n, path, "want a mapping of keys to values, not "+describe(n), "")
		return nil
	}
	seen := map[string]int{}
	var out []field
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := d.follow(n.Content[i])
		f := field{key: k.Value, path: join(path, k.Value), at: n.Content[i], node: d.follow(n.Content[i+1])}
		switch line, again := seen[k.Value]; {
		case k.Kind != yaml.ScalarNode:
			d.fault(k, path, "a key must be plain text", "")
			continue
		case again:
			d.fault(k, f.path, fmt.Sprintf("the key stands twice, first in line %d", line), "keep one of the two")
			continue
		case len(known) > 0 && !contains(known, k.Value):
			d.fault(k, f.path, fmt.Sprintf("unknown key %q", k.Value), nearest(k.Value, known))
			continue
		}
		seen[k.Value] = k.Line
		out = append(out, f)
	}
	return out
}

// absent says whether n is missing or null.
func (d *document) absent(n *yaml.Node) bool {
	return n == nil || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

func (d *document) list(n *yaml.Node, path string) []*yaml.Node {
	if d.absent(n) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		d.fault(n, path, "want a list, not "+describe(n), "put each entry on a line of its own that begins with a dash")
		return nil
	}
	out := make([]*yaml.Node, len(n.Content))
	for i, c := range n.Content {
		out[i] = d.follow(c)
	}
	return out
}

// text reads a string. A number or date without quotes is taken as written.
func (d *document) text(n *yaml.Node, path string) string {
	if n.Kind != yaml.ScalarNode || d.absent(n) || n.ShortTag() == "!!bool" {
		d.fault(n, path, "want text, not "+describe(n), "put it in quotes if it is meant as text")
		return ""
	}
	return n.Value
}

func (d *document) texts(n *yaml.Node, path string) []string {
	var out []string
	for i, c := range d.list(n, path) {
		out = append(out, d.text(c, index(path, i)))
	}
	return out
}

func (d *document) boolean(n *yaml.Node, path string) bool {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
		d.fault(n, path, "want true or false, not "+describe(n), "write true or false without quotes")
		return false
	}
	return strings.EqualFold(n.Value, "true")
}

func (d *document) integer(n *yaml.Node, path string, low, high int) int {
	v, err := strconv.Atoi(n.Value)
	switch {
	case n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil:
		d.fault(n, path, "want a whole number, not "+describe(n), "")
	case v < low || v > high:
		d.fault(n, path, fmt.Sprintf("%d is out of range", v), fmt.Sprintf("use %d to %d", low, high))
	default:
		return v
	}
	return low
}

// duration reads 90s, 20m, 1h30m, or a number of seconds.
func (d *document) duration(n *yaml.Node, path string) time.Duration {
	v, err := time.ParseDuration(n.Value)
	if s, numErr := strconv.ParseUint(n.Value, 10, 31); numErr == nil {
		v, err = time.Duration(s)*time.Second, nil
	}
	if n.Kind != yaml.ScalarNode || err != nil || v < 0 {
		d.fault(n, path, "want a duration, not "+describe(n), "write it as 90s, 20m or 1h30m")
		return 0
	}
	return v
}

var sizeForm = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)([KMGT]?)(?:i?B)?$`)

// size reads 512M or 5G, in powers of 1024, or a number of bytes.
func (d *document) size(n *yaml.Node, path string) int64 {
	m := sizeForm.FindStringSubmatch(n.Value)
	if n.Kind != yaml.ScalarNode || m == nil {
		d.fault(n, path, "want a size, not "+describe(n), "write it as 512M or 5G")
		return 0
	}
	v, _ := strconv.ParseFloat(m[1], 64)
	if m[2] != "" {
		v *= math.Pow(1024, float64(1+strings.Index("KMGT", m[2])))
	}
	if v > 1<<60 {
		d.fault(n, path, "the size is beyond anything a server has", "write it as 512M or 5G")
		return 0
	}
	return int64(v)
}

// value reads anything as plain JSON values: nil, bool, int, json.Number (a
// float, as written in JSON, or an integer beyond int), string, []any,
// map[string]any. A date is text.
func (d *document) value(n *yaml.Node, path string) any {
	n = d.follow(n)
	switch n.Kind {
	case yaml.SequenceNode:
		out := make([]any, 0, len(n.Content))
		for i, c := range n.Content {
			out = append(out, d.value(c, index(path, i)))
		}
		return out
	case yaml.MappingNode:
		out := make(map[string]any, len(n.Content)/2)
		for _, f := range d.mapping(n, path) {
			out[f.key] = d.value(f.node, f.path)
		}
		return out
	}
	v, err := scalar(n)
	if err != nil {
		d.fault(n, path, err.Error(), "put it in quotes if it is meant as text")
	}
	return v
}

var wholeForm = regexp.MustCompile(`^[-+]?[0-9]+$`)

func scalar(n *yaml.Node) (any, error) {
	tag := n.ShortTag()
	if tag == "!!float" && wholeForm.MatchString(n.Value) {
		tag = "!!int" // beyond 64 bits, which yaml.v3 takes for a float
	}
	switch tag {
	case "!!null":
		return nil, nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true"), nil
	case "!!int":
		var whole big.Int
		if _, ok := whole.SetString(strings.TrimPrefix(n.Value, "+"), 0); !ok {
			return nil, fmt.Errorf("%q is not a number", n.Value)
		}
		if whole.IsInt64() {
			return int(whole.Int64()), nil
		}
		return json.Number(whole.String()), nil
	case "!!float":
		f, err := strconv.ParseFloat(strings.ReplaceAll(n.Value, "_", ""), 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return nil, fmt.Errorf("%q is a number that JSON cannot hold", n.Value)
		}
		return floatNumber(f), nil
	case "!!str", "!!timestamp", "!!merge":
		return n.Value, nil
	}
	return nil, fmt.Errorf("the YAML tag %s is not used here", n.Tag)
}

// floatNumber writes f as Python's repr does, so that it reads back as a float
// and not as an integer.
func floatNumber(f float64) json.Number {
	if x := math.Abs(f); x != 0 && (x < 1e-4 || x >= 1e16) {
		return json.Number(strconv.FormatFloat(f, 'e', -1, 64))
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return json.Number(s)
}

func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.ShortTag() == "!!null":
		return "nothing"
	case n.ShortTag() == "!!str":
		return fmt.Sprintf("the text %q", shorten(n.Value))
	}
	return shorten(n.Value)
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:57]) + "..."
	}
	return s
}

func join(path, key string) string {
	if key == "" {
		return path
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

func contains(list []string, s string) bool {
	for _, one := range list {
		if one == s {
			return true
		}
	}
	return false
}

// nearest advises which of the known names was meant.
func nearest(name string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if strings.EqualFold(k, name) {
			return fmt.Sprintf("did you mean %q?", k)
		}
		n := editDistance(strings.ToLower(name), strings.ToLower(k))
		if sortedLetters(name) == sortedLetters(k) {
			n = 1 // letters in another order
		}
		if n < distance && n < len(k) {
			best, distance = k, n
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	if len(known) == 0 {
		return "there are none"
	}
	sorted := append([]string(nil), known...)
	sort.Strings(sorted)
	return "use one of " + strings.Join(sorted, ", ")
}

func sortedLetters(s string) string {
	letters := strings.Split(strings.ToLower(s), "")
	sort.Strings(letters)
	return strings.Join(letters, "")
}

// editDistance is Levenshtein's: insertions, deletions and replacements.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
