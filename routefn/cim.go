package routefn

import (
	"context"
	"net/http"
	"strconv"

	"github.com/cim-go/cim/proto"
)

// CIM's codes. They are strings on its wire.
const (
	cimOK       = "9000"
	cimInvalid  = "3000"
	cimRepeat   = "5000"
	cimLimited  = "6000"
	cimOffline  = "7000" // the message is kept
	cimNoServer = "7100"
	cimMismatch = "9100"
)

// cimEnvelope is every answer of CIM's.
type cimEnvelope struct {
	Code     string  `json:"code"`
	Message  string  `json:"message"`
	ReqNo    *string `json:"reqNo"`
	DataBody any     `json:"dataBody"`
}

// cimFormat answers 200 for whatever was understood and handled, as CIM does, with
// the outcome in the envelope. Only what may succeed later has a status of its own,
// because CIM's clients take 200 for handled.
var cimFormat = format{
	answer: func(w http.ResponseWriter, body any) {
		if e, whole := body.(cimEnvelope); whole {
			writeJSON(w, e)
			return
		}
		writeJSON(w, cimEnvelope{Code: cimOK, Message: "Success", DataBody: body})
	},
	fail: func(w http.ResponseWriter, status int, err *proto.Error) {
		code, handled := cimCode(err.Code)
		if handled && status != http.StatusInternalServerError {
			status = http.StatusOK
		}
		writeJSONStatus(w, status, cimEnvelope{Code: code, Message: err.Error()})
	},
}

// cimCode translates a code of ours, and reports whether CIM has one for it. What
// may succeed later is ours alone: CIM knows no server that cannot. An unknown
// user is an invalid argument: CIM itself would say that all is well.
func cimCode(c proto.Code) (code string, handled bool) {
	switch c {
	case proto.Rejected:
		return cimRepeat, true
	case proto.WrongPassword:
		return cimMismatch, true
	case proto.NoNode:
		return cimNoServer, true
	case proto.Overloaded:
		return cimLimited, true
	}
	if c.Retry() == proto.RetryNever {
		return cimInvalid, true
	}
	return strconv.Itoa(int(c)), false
}

// serveCIM runs one of CIM's calls, in open mode only: none of them proves who
// calls. In another mode the path does not exist, however it was mounted.
func serveCIM[Q any](rt *Route, w http.ResponseWriter, r *http.Request, useCase string, run func(context.Context, Q) (any, error)) {
	if rt.cfg.Auth != AuthOpen {
		failJSON(w, http.StatusNotFound, proto.Err(proto.NotFound, ""))
		return
	}
	rt.serve(w, r, useCase, cimFormat, func(ctx context.Context) (any, error) {
		var q Q
		if r.Method != http.MethodGet {
			if err := decodeLenient(w, r, rt.cfg.MaxBody, &q); err != nil {
				return nil, err
			}
		}
		return run(ctx, q)
	})
}
