// SPDX-License-Identifier: Apache-2.0

package puppet

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/openmurano/murano/plans/body"
)

// encodeYAML writes d in block style with sorted keys, as PyYAML's
// dump(default_flow_style=False) does; only the folding of long lines is not
// copied, which reads the same.
func encodeYAML(d *body.Dict) (string, error) {
	var b strings.Builder
	if err := mapping(&b, d, ""); err != nil {
		return "", err
	}
	return b.String(), nil
}

func mapping(b *strings.Builder, d *body.Dict, indent string) error {
	if d.Len() == 0 {
		b.WriteString("{}\n")
		return nil
	}
	type pair struct {
		key   string
		value body.Value
	}
	var pairs []pair
	for k, v := range d.All() {
		key, err := scalar(k)
		if err != nil {
			return err
		}
		pairs = append(pairs, pair{key, v})
	}
	slices.SortStableFunc(pairs, func(x, y pair) int { return strings.Compare(strings.Trim(x.key, `'"`), strings.Trim(y.key, `'"`)) })
	for i, p := range pairs {
		if i > 0 {
			b.WriteString(indent)
		}
		b.WriteString(p.key + ":")
		if err := node(b, p.value, indent, "\n"+indent+"  ", "\n"+indent); err != nil {
			return err
		}
	}
	return nil
}

// node writes v behind a colon or a dash: scalars and empty collections on the
// same line, mappings after atMap, lists after atList (PyYAML does not indent
// a list below its key).
func node(b *strings.Builder, v body.Value, indent, atMap, atList string) error {
	var items []body.Value
	switch t := v.(type) {
	case *body.Dict:
		if t.Len() == 0 {
			b.WriteString(" {}\n")
			return nil
		}
		b.WriteString(atMap)
		return mapping(b, t, indent+"  ")
	case *body.List:
		items = t.Items
	case *body.Tuple:
		items = t.Items
	default:
		s, err := scalar(v)
		if err != nil {
			return err
		}
		b.WriteString(" " + s + "\n")
		return nil
	}
	if len(items) == 0 {
		b.WriteString(" []\n")
		return nil
	}
	b.WriteString(atList)
	inner := indent
	if atList == " " { // a list in a list
		inner += "  "
	}
	for i, item := range items {
		if i > 0 {
			b.WriteString(inner)
		}
		b.WriteString("-")
		if err := node(b, item, inner, " ", " "); err != nil {
			return err
		}
	}
	return nil
}

func scalar(v body.Value) (string, error) {
	switch t := v.(type) {
	case nil:
		return "null", nil
	case bool:
		return strconv.FormatBool(t), nil
	case int64:
		return strconv.FormatInt(t, 10), nil
	case *big.Int:
		return t.String(), nil
	case float64:
		return float(t)
	case string:
		return text(t), nil
	}
	return "", fmt.Errorf("a value of another kind than text, number, list or dictionary cannot be given to puppet")
}

func float(f float64) (string, error) {
	switch {
	case math.IsNaN(f):
		return ".nan", nil
	case math.IsInf(f, 1):
		return ".inf", nil
	case math.IsInf(f, -1):
		return "-.inf", nil
	}
	b, err := body.EncodeJSON(f)
	if err != nil {
		return "", err
	}
	s := string(b)
	if strings.Contains(s, "e") && !strings.Contains(s, ".") {
		s = strings.Replace(s, "e", ".0e", 1)
	}
	return s, nil
}

// text quotes s where YAML, versions 1.1 and 1.2, would not read it back as text.
func text(s string) string {
	plain := regexp.MustCompile(`^(:[^ ]|[A-Za-z0-9_/.(<+$^;\\~-])[^\x00-\x1f\x7f-\x{10ffff}]*$`)
	printable := regexp.MustCompile(`^[\x20-\x7e]*$`)
	special := regexp.MustCompile(`(?i)^(~|null|true|false|yes|no|on|off|=|<<|\.|\.\.\.|---.*|[-+]?[0-9._,:]+|[-+]?0[xob][0-9a-f_]+|[-+]?[0-9][0-9_]*(\.[0-9_]*)?(e[-+]?[0-9]+)?|[-+]?\.[0-9_]+(e[-+]?[0-9]+)?|[-+]?\.(inf|nan)|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([t ].*)?)$`)
	switch {
	case !printable.MatchString(s):
		return doubleQuoted(s)
	case s == "" || !plain.MatchString(s) || special.MatchString(s),
		strings.HasPrefix(s, "- "), s == "-", strings.Contains(s, ": "), strings.HasSuffix(s, ":"), strings.Contains(s, " #"),
		strings.HasSuffix(s, " "):
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return s
}

func doubleQuoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r >= 0x20 && r < 0x7f:
			b.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&b, `\x%02X`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			fmt.Fprintf(&b, `\U%08X`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
