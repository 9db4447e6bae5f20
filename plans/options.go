// SPDX-License-Identifier: Apache-2.0

package plans

import (
	"fmt"
	"strings"

	"github.com/openmurano/murano/plans/body"
)

// Values of Options.OnInterrupt.
const (
	InterruptFail   = "fail" // the default: a result says that the plan was cut
	InterruptRerun  = "rerun"
	InterruptResume = "resume"
)

// Values of Options.Mirror.
const (
	MirrorOff   = "off"
	MirrorFirst = "first"
	MirrorOnly  = "only"
)

// An option is one key of Options and what reads its value.
type option struct {
	key  string
	read func(path string, v body.Value) error
}

// planOptions are the keys of a plan's Options, with where they go.
func (r *reader) planOptions(o *Options) []option {
	return append(r.sharedOptions(o), option{"onInterrupt", func(path string, v body.Value) error {
		return readWord(path, v, &o.OnInterrupt, InterruptFail, InterruptRerun, InterruptResume)
	}})
}

// scriptOptions are the keys of a script's Options, with where they go.
func (r *reader) scriptOptions(o *ScriptOptions) []option {
	return append(r.sharedOptions(&o.Options),
		option{"captureStdout", readTruth(&o.CaptureStdout)},
		option{"captureStderr", readTruth(&o.CaptureStderr)},
		option{"verifyExitcode", readTruth(&o.VerifyExitcode)},
		option{"useBerkshelf", readTruth(&o.UseBerkshelf)},
		option{"berksfilePath", func(path string, v body.Value) error { return readText(path, v, &o.BerksfilePath) }},
		option{"reboot", func(path string, v body.Value) error {
			n, err := readInt(path, v, 1, 255, "write an exit code from 1 to 255")
			o.Reboot = int(n)
			return err
		}},
	)
}

func (r *reader) sharedOptions(o *Options) []option {
	return []option{
		{"timeout", func(path string, v body.Value) error { return readDuration(path, v, &o.Timeout) }},
		{"retry", func(path string, v body.Value) error { return readRetry(path, v, &o.Retry) }},
		{"env", func(path string, v body.Value) error { return readEnv(path, v, &o.Env) }},
		{"runAs", func(path string, v body.Value) error { return readUser(path, v, &o.RunAs) }},
		{"nice", func(path string, v body.Value) error {
			n, err := readInt(path, v, -20, 19, "write a number from -20 to 19")
			o.Nice = int(n)
			return err
		}},
		{"limits", func(path string, v body.Value) error { return readLimits(path, v, &o.Limits) }},
		{"mirror", func(path string, v body.Value) error {
			if v == false { // off, in YAML
				v = MirrorOff
			}
			return readWord(path, v, &o.Mirror, MirrorOff, MirrorFirst, MirrorOnly)
		}},
		{"secrets", func(path string, v body.Value) error { return r.readSecrets(path, v, &o.Secrets) }},
		{"privateTmp", readBool(&o.PrivateTmp)},
		{"progress", readBool(&o.Progress)},
	}
}

func (r *reader) readOptions(p *Plan) error {
	return r.readKeys("Options", r.dict("Options"), r.planOptions(&p.Options))
}

// readScriptOptions reads a script's Options. Absent, null and what else is
// false in Python mean none.
func (r *reader) readScriptOptions(path string, script *body.Dict) (ScriptOptions, error) {
	o := DefaultScriptOptions()
	v, _ := script.Get("Options")
	d, isDict := v.(*body.Dict)
	if !isDict && truthy(v) {
		return o, &FormatError{Path: path, Reason: kindOf(v) + " where an object is expected", Next: "make it an object by name, or leave it out"}
	}
	return o, r.readKeys(path, d, r.scriptOptions(&o))
}

// readKeys reads the options in d. A key that is none is a fault from format
// 2.3.0 on; murano-agent, and so the formats before, let it be.
func (r *reader) readKeys(path string, d *body.Dict, options []option) error {
	for k, v := range d.All() {
		key := k.(string)
		i := indexOption(options, key)
		if i >= 0 {
			if err := options[i].read(path+"."+key, v); err != nil {
				return err
			}
			continue
		}
		e := unknownOption(path, key, options)
		if r.format.AtLeast(2, 3) {
			return e
		}
		e.Reason += ", ignored"
		r.warn(e)
	}
	return nil
}

func indexOption(options []option, key string) int {
	for i, o := range options {
		if o.key == key {
			return i
		}
	}
	return -1
}

func unknownOption(path, key string, options []option) *FormatError {
	e := &FormatError{Path: path + "." + valid(key), Reason: "not an option"}
	keys := make([]string, len(options))
	for i, o := range options {
		keys[i] = o.key
	}
	forScript := indexOption(options, "reboot") >= 0
	switch near := nearest(key, keys); {
	case forScript && key == "onInterrupt":
		e.Reason, e.Next = "an option of the plan, not of a script", "move it to the plan's Options"
	case !forScript && indexOption((*reader)(nil).scriptOptions(&ScriptOptions{}), key) >= 0:
		e.Reason, e.Next = "an option of a script, not of the plan", "move it to the script's Options"
	case near != "":
		e.Next = "did you mean " + near
	default:
		e.Next = "options here are " + strings.Join(keys, ", ")
	}
	return e
}

// readSecrets reads names of Parameters. From format 2.3.0 on each must be
// there: a name that is misspelt would mask nothing.
func (r *reader) readSecrets(path string, v body.Value, to *[]string) error {
	var names []string
	if err := readTexts(path, v, &names); err != nil {
		return err
	}
	parameters := r.dict("Parameters")
	for i, name := range names {
		if _, ok := parameters.Get(name); ok {
			continue
		}
		var known []string
		for _, k := range parameters.Keys() {
			known = append(known, k.(string))
		}
		e := &FormatError{Path: fmt.Sprintf("%s[%d]", path, i), Reason: fmt.Sprintf("%q is not among Parameters", name), Next: "name a parameter of the plan, or leave it out"}
		if near := nearest(name, known); near != "" {
			e.Next = fmt.Sprintf("did you mean %q", near)
		}
		if r.format.AtLeast(2, 3) {
			return e
		}
		r.warn(e)
	}
	*to = names
	return nil
}
