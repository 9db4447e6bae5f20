// SPDX-License-Identifier: Apache-2.0

package plans

// ParseOptions say how a plan is read. The zero value is Parse's.
type ParseOptions struct {
	// Max is the newest format that is taken; zero means MaxVersion. An agent
	// configured by Murano's engine has MuranoVersion.
	Max Version
	// Warn, unless nil, is told what is ignored and likely a mistake.
	Warn func(*FormatError)
}

// Parse reads a plan of any format up to MaxVersion. An error wraps a
// *FormatError or an *UnsupportedError.
func Parse(b []byte) (Plan, error) { return ParseOptions{}.Parse(b) }

// Parse reads a plan as o says.
func (o ParseOptions) Parse(b []byte) (Plan, error) { return Plan{}, &FormatError{} }

// ParseYAML reads a plan from a file: YAML, of which JSON is a part.
func (o ParseOptions) ParseYAML(b []byte) (Plan, error) { return Plan{}, &FormatError{} }

// Validate tells whether Parse would take p.
func (p Plan) Validate() error { return nil }

// Encode writes p as Murano's engine does.
func (p Plan) Encode() ([]byte, error) { return nil, nil }

func kindOf(any) string { return "" }
