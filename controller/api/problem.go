// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/plans"
)

// problem gives an error the status a client can act on (RFC 9457). nil stays nil.
func problem(err error) error {
	if err == nil {
		return nil
	}
	var faults controller.Faults
	var format *plans.FormatError
	var version *plans.UnsupportedError
	switch {
	case errors.Is(err, controller.ErrNotFound):
		return huma.NewError(http.StatusNotFound, err.Error())
	case errors.Is(err, controller.ErrConflict):
		return huma.NewError(http.StatusConflict, err.Error())
	case errors.Is(err, controller.ErrStore):
		return huma.NewError(http.StatusServiceUnavailable, err.Error())
	case errors.Is(err, controller.ErrSilent):
		return huma.NewError(http.StatusGatewayTimeout, err.Error())
	case errors.Is(err, plans.ErrUnroutable):
		return huma.NewError(http.StatusBadGateway, err.Error()+"; is the name of the queue right, and its server not deleted?")
	case errors.As(err, &faults), errors.As(err, &format), errors.As(err, &version):
		return huma.NewError(http.StatusUnprocessableEntity, err.Error())
	}
	return huma.NewError(http.StatusInternalServerError, err.Error())
}

// resultBody is a result as the wire has it.
func resultBody(r plans.Result) (any, error) {
	b, err := r.Encode()
	if err != nil {
		return nil, err
	}
	return json.RawMessage(b), nil
}
