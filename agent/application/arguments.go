// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"fmt"
	"strings"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/plans/body"
)

// arguments are those of run(function, commandline=”, input=None) in
// murano-agent 12.0.0.
type arguments struct{ text, stdin string }

func argumentsOf(ctx context.Context, c agent.Call) (arguments, error) {
	var a arguments
	misuse := func(format string, v ...any) error {
		return &agent.ArgumentError{Script: c.Name, Reason: fmt.Sprintf(format, v...)}
	}
	if n := len(c.Args); n > 2 {
		return a, misuse("takes a command line and a standard input, but %d arguments were given", n)
	}
	var text, stdin body.Value = "", nil
	for i, v := range c.Args {
		if i == 0 {
			text = v
		} else {
			stdin = v
		}
	}
	for k, v := range c.Kwargs.All() {
		switch {
		case k == "commandline" && len(c.Args) > 0, k == "input" && len(c.Args) > 1:
			return a, misuse("got multiple values for argument '%s'", k)
		case k == "commandline":
			text = v
		case k == "input":
			if c.Format.AtLeast(2, 3) {
				stdin = v
			}
		default:
			return a, misuse("got an unexpected keyword argument '%v'", k)
		}
	}
	var err error
	if a.text, err = textOf(ctx, text); err != nil {
		return a, err
	}
	if stdin != nil {
		if a.stdin, err = textOf(ctx, stdin); err != nil {
			return a, err
		}
	}
	if strings.ContainsRune(a.text, 0) {
		return a, misuse("got a command line with a NUL character in it")
	}
	return a, nil
}

// textOf is str(v).
func textOf(ctx context.Context, v body.Value) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	if b, ok := v.(body.Bytes); ok {
		return string(b), nil
	}
	p, err := body.Parse("return str(args['v'])")
	if err != nil {
		return "", err
	}
	s, err := p.Run(ctx, body.Scope{Args: body.NewDict("v", v)})
	if err != nil {
		return "", err
	}
	return s.(string), nil
}
