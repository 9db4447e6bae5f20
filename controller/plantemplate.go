// SPDX-License-Identifier: Apache-2.0

package controller

import "github.com/openmurano/murano/plans"

// Plan makes an execution plan from Resources/<template>, as Murano's engine
// does: $names are bound from with, then the files its scripts name are put in
// from Resources/scripts. File IDs are derived from names, so the same input
// gives an equal plan. ID, Stamp and ReplyTo are left to the dispatcher.
// with holds values, no references any more.
func (p *Package) Plan(template string, with map[string]any) (plans.Plan, error) { panic("not yet") }
