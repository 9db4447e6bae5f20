// SPDX-License-Identifier: Apache-2.0

package plans

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/openmurano/murano/plans/body"
)

// Encode writes p as Murano's engine does, keys in its order, scripts and files
// by name. It holds what murano-agent cannot do without (Files, each script's
// Options) even where it is empty. Parse reads it back equal. The error is
// Validate's, or says that Parameters hold what JSON has no form for, such as NaN.
func (p Plan) Encode() ([]byte, error) {
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("encode plan %q: %w", p.ID, err)
	}
	b, err := body.EncodeJSON(p.document())
	if err != nil {
		return nil, fmt.Errorf("encode plan %q: %w", p.ID, err)
	}
	return b, nil
}

func (p Plan) document() *body.Dict {
	d := body.NewDict("FormatVersion", p.FormatVersion.String())
	setText(d, "Version", p.Version)
	setText(d, "Name", p.Name)
	parameters := p.Parameters
	if parameters == nil {
		parameters = &body.Dict{}
	}
	d.Set("Parameters", parameters)
	d.Set("Body", p.Body)
	scripts := &body.Dict{}
	for _, name := range slices.Sorted(maps.Keys(p.Scripts)) {
		scripts.Set(name, p.Scripts[name].document())
	}
	d.Set("Scripts", scripts)
	files := &body.Dict{}
	for _, id := range slices.Sorted(maps.Keys(p.Files)) {
		files.Set(id, p.Files[id].document())
	}
	d.Set("Files", files)
	if options := p.Options.document(); options.Len() > 0 {
		d.Set("Options", options)
	}
	setText(d, "ID", p.ID)
	if p.Stamp != 0 {
		d.Set("Stamp", p.Stamp)
	}
	setText(d, "Action", p.Action)
	setText(d, "ReplyTo", p.ReplyTo)
	return d
}

func (s Script) document() *body.Dict {
	d := body.NewDict("Type", s.Type)
	setText(d, "Version", s.Version)
	d.Set("EntryPoint", s.EntryPoint)
	d.Set("Files", texts(s.Files))
	o := s.Options
	options := &body.Dict{}
	for _, capture := range []struct {
		key string
		on  bool
	}{{"captureStdout", o.CaptureStdout}, {"captureStderr", o.CaptureStderr}, {"verifyExitcode", o.VerifyExitcode}} {
		if !capture.on {
			options.Set(capture.key, false)
		}
	}
	if o.UseBerkshelf {
		options.Set("useBerkshelf", true)
	}
	setText(options, "berksfilePath", o.BerksfilePath)
	setNumber(options, "reboot", int64(o.Reboot))
	for k, v := range o.Options.document().All() {
		options.Set(k, v)
	}
	d.Set("Options", options)
	return d
}

func (f File) document() *body.Dict {
	d := body.NewDict("Name", f.Name)
	if f.Type == "" {
		d.Set("BodyType", f.BodyType)
		d.Set("Body", f.Body)
	} else {
		d.Set("URL", f.URL)
		d.Set("Type", f.Type)
	}
	if len(f.URLs) > 0 {
		d.Set("URLs", texts(f.URLs))
	}
	setText(d, "SHA256", f.SHA256)
	setNumber(d, "Size", f.Size)
	if f.Mode != 0 {
		d.Set("Mode", fmt.Sprintf("%04o", uint32(f.Mode)))
	}
	return d
}

func (o Options) document() *body.Dict {
	d := &body.Dict{}
	setDuration(d, "timeout", o.Timeout)
	setText(d, "onInterrupt", o.OnInterrupt)
	if retry := o.Retry.document(); retry.Len() > 0 {
		d.Set("retry", retry)
	}
	if len(o.Env) > 0 {
		env := &body.Dict{}
		for _, name := range slices.Sorted(maps.Keys(o.Env)) {
			env.Set(name, o.Env[name])
		}
		d.Set("env", env)
	}
	setText(d, "runAs", o.RunAs)
	setNumber(d, "nice", int64(o.Nice))
	if limits := o.Limits.document(); limits.Len() > 0 {
		d.Set("limits", limits)
	}
	setText(d, "mirror", o.Mirror)
	if len(o.Secrets) > 0 {
		d.Set("secrets", texts(o.Secrets))
	}
	if o.PrivateTmp {
		d.Set("privateTmp", true)
	}
	if o.Progress {
		d.Set("progress", true)
	}
	return d
}

func (r Retry) document() *body.Dict {
	d := &body.Dict{}
	setNumber(d, "attempts", int64(r.Attempts))
	setDuration(d, "delay", r.Delay)
	setDuration(d, "maxDelay", r.MaxDelay)
	if len(r.On) > 0 {
		on := &body.List{}
		for _, code := range r.On {
			on.Items = append(on.Items, int64(code))
		}
		d.Set("on", on)
	}
	if len(r.Class) > 0 {
		d.Set("class", texts(r.Class))
	}
	return d
}

func (l Limits) document() *body.Dict {
	d := &body.Dict{}
	setNumber(d, "memory", l.Memory)
	if l.CPU != 0 {
		d.Set("cpu", strconv.Itoa(l.CPU)+"%")
	}
	setNumber(d, "pids", int64(l.Pids))
	return d
}

func setText(d *body.Dict, key, value string) {
	if value != "" {
		d.Set(key, value)
	}
}

func setNumber(d *body.Dict, key string, n int64) {
	if n != 0 {
		d.Set(key, n)
	}
}

func setDuration(d *body.Dict, key string, t time.Duration) {
	if t != 0 {
		d.Set(key, t.String())
	}
}

func texts(list []string) *body.List {
	l := &body.List{}
	for _, s := range list {
		l.Items = append(l.Items, s)
	}
	return l
}
