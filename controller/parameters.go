// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"gopkg.in/yaml.v3"
)

// Parameters gives every parameter of the package: those given, checked
// against the schema, and the defaults of the others. given holds values, no
// references any more, and is not changed. Faults name each value by its path;
// a secret value is not shown.
func (p *Package) Parameters(given map[string]any) (map[string]any, error) {
	faults := p.checkParameters(given, false)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	out := make(map[string]any, len(p.Spec.Parameters))
	for _, one := range p.Spec.Parameters {
		v, ok := given[one.Name]
		if !ok || v == nil && one.Default != nil {
			v = one.Default
		}
		out[one.Name] = wholeNumber(v, one.Schema)
	}
	return out, nil
}

// CheckParameters is Parameters for values that may still hold references: a
// parameter with a reference in it counts as given and is not looked into.
func (p *Package) CheckParameters(given map[string]any) error {
	return p.checkParameters(given, true).Err()
}

func (p *Package) checkParameters(given map[string]any, open bool) Faults {
	var faults Faults
	known := make([]string, len(p.Spec.Parameters))
	for i, one := range p.Spec.Parameters {
		known[i] = one.Name
	}
	for _, name := range sortedKeys(given) {
		if !contains(known, name) {
			faults = append(faults, Fault{Path: "parameters." + name, What: p.Manifest.FullName + " has no such parameter", Do: nearest(name, known)})
		}
	}
	for _, one := range p.Spec.Parameters {
		v, ok := given[one.Name]
		path := "parameters." + one.Name
		if !ok || v == nil && !one.takesNull() {
			if one.Required {
				faults = append(faults, Fault{Path: path, What: "is missing", Do: "give " + one.wants()})
			}
			continue
		}
		if refs, err := References(v); open && (err != nil || len(refs) > 0) {
			continue
		}
		faults = append(faults, one.check(v, path)...)
	}
	return faults
}

// Secrets names the parameters that must never be printed.
func (p *Package) Secrets() []string {
	var out []string
	for _, one := range p.Spec.Parameters {
		if one.Secret {
			out = append(out, one.Name)
		}
	}
	return out
}

func (one Parameter) takesNull() bool {
	return one.compiled != nil && one.compiled.Validate(nil) == nil
}

// wants says in words what the parameter takes.
func (one Parameter) wants() string {
	kind := "a value"
	if t, ok := one.Schema["type"].(string); ok {
		kind = "a value of type " + t
	}
	if title, ok := one.Schema["title"].(string); ok {
		return kind + " (" + title + ")"
	}
	return kind
}

// check validates one value.
func (one Parameter) check(v any, path string) Faults {
	if one.compiled == nil {
		return nil
	}
	plain, err := jsonValue(v)
	if err != nil {
		return Faults{{Path: path, What: "is not a JSON value: " + err.Error(), Do: "give " + one.wants()}}
	}
	err = one.compiled.Validate(plain)
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return nil
	}
	var faults Faults
	printer := message.NewPrinter(language.English)
	var leaves func(e *jsonschema.ValidationError)
	leaves = func(e *jsonschema.ValidationError) {
		if len(e.Causes) > 0 {
			for _, c := range e.Causes {
				leaves(c)
			}
			return
		}
		what := e.ErrorKind.LocalizedString(printer)
		if one.Secret {
			what = "does not fit its schema (" + strings.Join(e.ErrorKind.KeywordPath(), "/") + ")"
		}
		faults = append(faults, Fault{Path: path + instancePath(e.InstanceLocation), What: what, Do: "give " + one.wants()})
	}
	leaves(invalid)
	return faults
}

func instancePath(location []string) string {
	var b strings.Builder
	for _, s := range location {
		if _, err := strconv.Atoi(s); err == nil {
			b.WriteString("[" + s + "]")
		} else {
			b.WriteString("." + s)
		}
	}
	return b.String()
}

// jsonValue brings v to the types that the schema library knows.
func jsonValue(v any) (any, error) {
	b, err := compactJSON(v)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(strings.NewReader(string(b)))
}

// wholeNumber undoes what decoding JSON into floats does to an integer.
func wholeNumber(v any, schema map[string]any) any {
	f, ok := v.(float64)
	if ok && schema["type"] == "integer" && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int(f)
	}
	return v
}

// parameter reads one property of the schema.
func (d *document) parameter(at field) Parameter {
	p := Parameter{Name: at.key, Schema: map[string]any{}, Required: true}
	if !parameterForm.MatchString(at.key) {
		d.fault(at.at, at.path, fmt.Sprintf("%q is not a name", at.key), "use letters, digits and _, not beginning with a digit")
	}
	var fallback *yaml.Node
	required := false
	for _, f := range d.mapping(at.node, at.path) {
		switch f.key {
		case "secret":
			p.Secret = d.boolean(f.node, f.path)
		case "required":
			if f.node.Kind == yaml.ScalarNode {
				p.Required = d.boolean(f.node, f.path)
				required = p.Required
				continue
			}
			p.Schema[f.key] = d.value(f.node, f.path)
		case "default":
			fallback = f.node
			p.Default = d.value(f.node, f.path)
			p.Schema[f.key] = p.Default
		default:
			if !contains(schemaKeys, f.key) {
				d.fault(f.at, f.path, fmt.Sprintf("%q is not a keyword of JSON Schema", f.key), nearest(f.key, schemaKeys))
				continue
			}
			p.Schema[f.key] = d.value(f.node, f.path)
		}
	}
	if fallback != nil && !required {
		p.Required = false
	}
	compiled, err := compileSchema(p.Schema)
	if err != nil {
		d.fault(at.at, at.path, "is not a JSON Schema: "+err.Error(), "see json-schema.org, draft 2020-12")
		return p
	}
	p.compiled = compiled
	if fallback != nil && p.Default != nil {
		for _, f := range p.check(p.Default, at.path+".default") {
			d.fault(fallback, f.Path, f.What, "make the default fit the schema")
		}
	}
	return p
}

// schemaKeys are the keywords of JSON Schema draft 2020-12 that make sense in
// one property, and our two.
var schemaKeys = []string{
	"type", "title", "description", "default", "enum", "const", "examples", "format", "secret", "required", "deprecated", "readOnly", "writeOnly",
	"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern",
	"items", "prefixItems", "contains", "minContains", "maxContains", "minItems", "maxItems", "uniqueItems",
	"properties", "patternProperties", "additionalProperties", "propertyNames", "minProperties", "maxProperties", "dependentRequired",
	"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "$comment",
}

// noLoader refuses references out of the package: a schema never fetches.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is outside the package", url)
}

func compileSchema(schema map[string]any) (*jsonschema.Schema, error) {
	plain, err := jsonValue(schema)
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	c.AssertFormat()
	const url = "mem:///parameter"
	if err := c.AddResource(url, plain); err != nil {
		return nil, err
	}
	compiled, err := c.Compile(url)
	var invalid *jsonschema.SchemaValidationError
	if errors.As(err, &invalid) {
		var v *jsonschema.ValidationError
		if errors.As(invalid.Err, &v) {
			return nil, errors.New(deepest(v))
		}
	}
	return compiled, err
}

// deepest gives the most exact message of a validation error.
func deepest(e *jsonschema.ValidationError) string {
	for len(e.Causes) > 0 {
		e = e.Causes[0]
	}
	text := e.ErrorKind.LocalizedString(message.NewPrinter(language.English))
	if len(e.InstanceLocation) > 0 {
		text = strings.Join(e.InstanceLocation, ".") + ": " + text
	}
	return text
}
