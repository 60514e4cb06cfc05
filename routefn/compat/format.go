package compat

import (
	"net/http"
	"strconv"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/body"
)

// CIM's codes. They are strings on its wire.
const (
	codeOK       = "9000"
	codeInvalid  = "3000"
	codeRepeat   = "5000"
	codeLimited  = "6000"
	codeOffline  = "7000" // the receiver has no connection; the message is stored
	codeNoServer = "7100"
	codeMismatch = "9100"
)

// envelope is the form of all answers of CIM.
type envelope struct {
	Code     string  `json:"code"`
	Message  string  `json:"message"`
	ReqNo    *string `json:"reqNo"`
	DataBody any     `json:"dataBody"`
}

// Format answers 200 for every request that was understood and handled, as CIM does. The
// outcome is in the envelope. A request that may succeed later gets another status,
// because for CIM's clients 200 means that it was handled.
var Format = body.Format{
	Answer: func(w http.ResponseWriter, answer any) {
		if e, whole := answer.(envelope); whole {
			body.WriteJSON(w, http.StatusOK, e)
			return
		}
		body.WriteJSON(w, http.StatusOK, envelope{Code: codeOK, Message: "Success", DataBody: answer})
	},
	Fail: func(w http.ResponseWriter, status int, err *proto.Error) {
		code, handled := codeOf(err.Code)
		if handled && status != http.StatusInternalServerError {
			status = http.StatusOK
		}
		body.WriteJSON(w, status, envelope{Code: code, Message: err.Error()})
	},
}

// MessageFormat is the Format of answers to messages. CIM's SDK takes every answer of
// status 200 for success, unless its code is 7000. It reports any other status to its
// user. So the answer to a message that is not accepted for now (CIM's code 6000) has
// another status.
var MessageFormat = body.Format{
	Answer: Format.Answer,
	Fail: func(w http.ResponseWriter, status int, err *proto.Error) {
		if err.Code.Retry() == proto.RetryNever {
			Format.Fail(w, status, err)
			return
		}
		body.WriteJSON(w, status, envelope{Code: strconv.Itoa(int(err.Code)), Message: err.Error()})
	},
}

// codeOf translates the code c of this project to CIM's. The result handled reports
// whether CIM has a code for it. A code that allows a retry, such as 4101, stays
// unchanged. CIM has no such code, and its clients look only at the status. The code for
// an unknown user becomes CIM's code for an invalid argument. CIM itself would answer such
// a request with success.
func codeOf(c proto.Code) (code string, handled bool) {
	switch c {
	case proto.Rejected:
		return codeRepeat, true
	case proto.WrongPassword:
		return codeMismatch, true
	case proto.NoNode:
		return codeNoServer, true
	case proto.Overloaded:
		return codeLimited, true
	}
	if c.Retry() == proto.RetryNever {
		return codeInvalid, true
	}
	return strconv.Itoa(int(c)), false
}
