// SPDX-License-Identifier: Apache-2.0

package body

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"
)

func seeds(f *testing.F) {
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		f.Fatal(err)
	}
	v, err := DecodeJSON(b)
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range field(v, "cases").(*List).Items {
		f.Add(field(c, "body").(string))
	}
}

// FuzzParse: any text is a Program or a SyntaxError that points into it.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, src string) {
		_, err := Parse(src)
		var se *SyntaxError
		if err == nil {
			return
		}
		if !errors.As(err, &se) || se.Line < 1 || se.Column < 1 || se.Reason == "" {
			t.Errorf("%q gave %v", src, err)
		}
	})
}

// FuzzRun: any Program ends, with a value or an error, inside its bounds.
func FuzzRun(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, src string) {
		p, err := Parse(src)
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		v, err := p.Run(ctx, Scope{
			Args: NewDict("x", "y", "n", int64(5), "l", NewList(int64(1), "a", nil), "d", NewDict("k", "v")),
			Scripts: map[string]Script{"deploy": func(_ context.Context, args []Value, _ *Dict) (Value, error) {
				return NewScriptResult(len(args), nil, nil), nil
			}},
			Limits: Limits{Steps: 50_000, Bytes: 4 << 20, Depth: 50},
		})
		if err == nil {
			_, _ = EncodeJSON(v)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%q took %v", src, d)
		}
	})
}
