// SPDX-License-Identifier: Apache-2.0

package plans_test

import (
	"bytes"
	"io/fs"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

// checkReadsBack encodes p and wants Parse to give it again.
func checkReadsBack(t interface {
	Helper()
	Fatalf(string, ...any)
}, p plans.Plan) {
	t.Helper()
	encoded, err := p.Encode()
	if err != nil {
		t.Fatalf("encode: %s", plans.Detail(err))
	}
	back, err := plans.Parse(encoded)
	if err != nil {
		t.Fatalf("parse %s: %s", encoded, plans.Detail(err))
	}
	again, err := back.Encode()
	if err != nil || !bytes.Equal(again, encoded) {
		t.Fatalf("got  %s\nwant %s, %v", again, encoded, err)
	}
	p.Parameters, back.Parameters = nil, nil // compared above, encoded
	if !reflect.DeepEqual(back, p) {
		t.Fatalf("got  %+v\nwant %+v", back, p)
	}
}

func TestParseReadsBackWhatEncodeWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkReadsBack(t, drawPlan(t)) })
}

func drawPlan(t *rapid.T) plans.Plan {
	p := plans.Plan{
		FormatVersion: drawVersion(t),
		ID:            rapid.StringMatching(`[a-z0-9 ._é-]{1,40}x`).Draw(t, "ID"),
		Version:       rapid.SampledFrom([]string{"", "1.0.0"}).Draw(t, "Version"),
		Name:          rapid.String().Draw(t, "Name"),
		Action:        rapid.SampledFrom([]string{"", "Execute"}).Draw(t, "Action"),
		Body:          rapid.String().Draw(t, "Body"),
		ReplyTo:       rapid.SampledFrom([]string{"", "replies"}).Draw(t, "ReplyTo"),
		Stamp:         rapid.Int64Min(0).Draw(t, "Stamp"),
	}
	names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,8}`), 0, 3, rapid.ID[string]).Draw(t, "parameters")
	for _, name := range names {
		if p.Parameters == nil {
			p.Parameters = &body.Dict{}
		}
		p.Parameters.Set(name, drawValue(t, 3))
	}
	p.Options = drawOptions(t, names)
	p.Options.OnInterrupt = rapid.SampledFrom([]string{"", plans.InterruptFail, plans.InterruptRerun, plans.InterruptResume}).Draw(t, "onInterrupt")
	ids := rapid.SliceOfNDistinct(rapid.String(), 0, 4, rapid.ID[string]).Draw(t, "file IDs")
	for _, id := range ids {
		if p.Files == nil {
			p.Files = map[string]plans.File{}
		}
		p.Files[id] = drawFile(t, p.FormatVersion)
	}
	if len(ids) == 0 {
		return p
	}
	for _, name := range rapid.SliceOfNDistinct(rapid.String(), 0, 3, rapid.ID[string]).Draw(t, "script names") {
		if p.Scripts == nil {
			p.Scripts = map[string]plans.Script{}
		}
		p.Scripts[name] = drawScript(t, p.FormatVersion, ids, names)
	}
	return p
}

func drawVersion(t *rapid.T) plans.Version {
	return rapid.SampledFrom([]plans.Version{
		{Major: 1}, {Major: 2}, {Major: 2, Patch: 7}, {Major: 2, Minor: 1}, {Major: 2, Minor: 2}, {Major: 2, Minor: 2, Pre: "alpha.1"}, {Major: 2, Minor: 3},
	}).Draw(t, "FormatVersion")
}

func drawValue(t *rapid.T, depth int) body.Value {
	kinds := 6
	if depth > 0 {
		kinds = 8
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return rapid.Int64().Draw(t, "int")
	case 3:
		return rapid.Float64().Draw(t, "float")
	case 4, 5:
		return rapid.String().Draw(t, "text")
	case 6:
		l := &body.List{}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			l.Items = append(l.Items, drawValue(t, depth-1))
		}
		return l
	}
	d := &body.Dict{}
	for range rapid.IntRange(0, 3).Draw(t, "keys") {
		d.Set(rapid.String().Draw(t, "key"), drawValue(t, depth-1))
	}
	return d
}

func drawFile(t *rapid.T, v plans.Version) plans.File {
	f := plans.File{
		Name:   rapid.StringMatching(`[a-z $"]{0,3}(/[a-z.]{1,3}x)?`).Filter(func(s string) bool { return s == "" || s[0] != '/' }).Draw(t, "Name"),
		SHA256: rapid.StringMatching(`([0-9a-f]{64})?`).Draw(t, "SHA256"),
		Size:   rapid.Int64Min(0).Draw(t, "Size"),
		Mode:   fs.FileMode(rapid.Uint32Range(0, 0o777).Draw(t, "Mode")),
	}
	if (v.AtLeast(2, 1) || !v.AtLeast(2, 0)) && rapid.Bool().Draw(t, "download") {
		f.Type, f.URL = plans.Downloadable, "http://h/"+rapid.StringMatching(`[a-z]*`).Draw(t, "URL")
		f.URLs = rapid.SampledFrom([][]string{nil, {"ftp://a/b"}, {"http://a", "https://b"}}).Draw(t, "URLs")
		return f
	}
	f.BodyType = rapid.SampledFrom([]string{"Text", "Base64"}).Draw(t, "BodyType")
	f.Body = rapid.String().Draw(t, "content")
	return f
}

func drawScript(t *rapid.T, v plans.Version, ids, parameters []string) plans.Script {
	s := plans.Script{Type: "Application", EntryPoint: rapid.SampledFrom(ids).Draw(t, "EntryPoint"), Version: rapid.SampledFrom([]string{"", "1.0.0"}).Draw(t, "script Version")}
	for range rapid.IntRange(0, 2).Draw(t, "files") {
		s.Files = append(s.Files, rapid.SampledFrom(ids).Draw(t, "file"))
	}
	s.Options = plans.ScriptOptions{
		CaptureStdout: rapid.Bool().Draw(t, "captureStdout"), CaptureStderr: rapid.Bool().Draw(t, "captureStderr"),
		VerifyExitcode: rapid.Bool().Draw(t, "verifyExitcode"), Reboot: rapid.IntRange(0, 255).Draw(t, "reboot"),
		Options: drawOptions(t, parameters),
	}
	if v.AtLeast(2, 2) && rapid.Bool().Draw(t, "chef") {
		s.Type, s.EntryPoint = "Chef", "cookbook::recipe"
		s.Options.UseBerkshelf = rapid.Bool().Draw(t, "useBerkshelf")
		s.Options.BerksfilePath = rapid.SampledFrom([]string{"", "a/Berksfile"}).Draw(t, "berksfilePath")
	}
	return s
}

func drawOptions(t *rapid.T, parameters []string) plans.Options {
	duration := rapid.Map(rapid.Int64Range(0, 1<<40), func(n int64) time.Duration { return time.Duration(n) })
	o := plans.Options{
		Timeout: duration.Draw(t, "timeout"),
		Retry: plans.Retry{
			Attempts: rapid.IntRange(0, 1000).Draw(t, "attempts"), Delay: duration.Draw(t, "delay"), MaxDelay: duration.Draw(t, "maxDelay"),
			On:    rapid.SampledFrom([][]int{nil, {1}, {100, 255}}).Draw(t, "on"),
			Class: rapid.SampledFrom([][]string{nil, {"network"}, {"lock", "network"}}).Draw(t, "class"),
		},
		RunAs:      rapid.SampledFrom([]string{"", "nobody"}).Draw(t, "runAs"),
		Nice:       rapid.IntRange(-20, 19).Draw(t, "nice"),
		Limits:     plans.Limits{Memory: rapid.Int64Min(0).Draw(t, "memory"), CPU: rapid.IntRange(0, 6400).Draw(t, "cpu"), Pids: rapid.IntRange(0, 1<<22).Draw(t, "pids")},
		Mirror:     rapid.SampledFrom([]string{"", plans.MirrorOff, plans.MirrorFirst, plans.MirrorOnly}).Draw(t, "mirror"),
		PrivateTmp: rapid.Bool().Draw(t, "privateTmp"),
		Progress:   rapid.Bool().Draw(t, "progress"),
	}
	if rapid.Bool().Draw(t, "has env") {
		o.Env = map[string]string{"A": "1", "é": rapid.StringMatching(`[^\x00]*`).Draw(t, "env")}
	}
	if len(parameters) > 0 && rapid.Bool().Draw(t, "has secrets") {
		o.Secrets = parameters[:1:1]
	}
	return o
}
