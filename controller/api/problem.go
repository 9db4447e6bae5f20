// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/plans"
)

// problem gives an error the status a client can act on (RFC 9457). nil stays
// nil; what has no status of its own is a fault of the controller.
func problem(err error) error { return problemOr(http.StatusInternalServerError, err) }

// wrong is problem for what a client has sent to be read: what has no status
// of its own is a fault of the document, and so is the name in it of something
// that is not there.
func wrong(err error) error {
	if errors.Is(err, controller.ErrNotFound) {
		return refuse(http.StatusUnprocessableEntity, err)
	}
	return problemOr(http.StatusUnprocessableEntity, err)
}

func problemOr(otherwise int, err error) error {
	var faults controller.Faults
	var format *plans.FormatError
	var version *plans.UnsupportedError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, controller.ErrStore):
		return refuse(http.StatusServiceUnavailable, err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return refuse(http.StatusServiceUnavailable, errors.New("the controller is stopping; ask again when it is back"))
	case errors.Is(err, controller.ErrNotFound):
		return refuse(http.StatusNotFound, err)
	case errors.Is(err, controller.ErrConflict), errors.Is(err, controller.ErrKnownPlan):
		return refuse(http.StatusConflict, err)
	case errors.Is(err, controller.ErrSilent):
		return refuse(http.StatusGatewayTimeout, err)
	case errors.Is(err, plans.ErrUnroutable):
		return refuse(http.StatusNotFound, fmt.Errorf("%w; is the name of the queue right, and its server not deleted?", err))
	case errors.As(err, &faults), errors.As(err, &format), errors.As(err, &version):
		return refuse(http.StatusUnprocessableEntity, err)
	}
	return refuse(otherwise, err)
}

// refuse is a problem document: one fault is its detail, of several each is
// one of its errors.
func refuse(status int, err error) error {
	list := details("", err)
	detail := list[0].Location + list[0].Message
	if len(list) > 1 {
		detail = fmt.Sprintf("%d things are wrong", len(list))
	}
	out := make([]error, len(list))
	for i, d := range list {
		d.Location = strings.TrimSuffix(d.Location, ": ")
		out[i] = d
	}
	return huma.NewError(status, detail, out...)
}

// details gives each fault in err, with the place it is said of. Location ends in ": " unless it is empty.
func details(place string, err error) []*huma.ErrorDetail {
	if faults, ok := err.(controller.Faults); ok {
		out := make([]*huma.ErrorDetail, len(faults))
		for i, f := range faults {
			alone := controller.Fault{What: f.What, Do: f.Do}.Error()
			out[i] = &huma.ErrorDetail{Location: place + strings.TrimSuffix(f.Error(), alone), Message: alone}
		}
		return out
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok && isJoined(err, joined.Unwrap()) {
		var out []*huma.ErrorDetail
		for _, one := range joined.Unwrap() {
			out = append(out, details(place, one)...)
		}
		return out
	}
	if inner := errors.Unwrap(err); inner != nil {
		if before, ok := strings.CutSuffix(err.Error(), inner.Error()); ok && strings.HasSuffix(before, ": ") {
			if list := details(place+before, inner); len(list) > 1 || errors.As(err, new(controller.Faults)) {
				return list
			}
		}
	}
	return []*huma.ErrorDetail{{Location: place, Message: err.Error()}}
}

// isJoined tells errors.Join from a text that wraps several errors.
func isJoined(err error, parts []error) bool {
	lines := make([]string, len(parts))
	for i, p := range parts {
		lines[i] = p.Error()
	}
	return err.Error() == strings.Join(lines, "\n")
}

// resultBody is a result as the wire has it.
func resultBody(r plans.Result) (any, error) {
	b, err := r.Encode()
	if err != nil {
		return nil, err
	}
	return json.RawMessage(b), nil
}
