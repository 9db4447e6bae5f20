// SPDX-License-Identifier: Apache-2.0

package controller

import "context"

func (r *run) deploy(ctx context.Context) error { return nil }
