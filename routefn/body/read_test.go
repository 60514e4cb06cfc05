package body

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cim-go/cim/proto"
)

// A body is either decoded into the text that was sent, in UTF-8, or refused with a
// code that forbids sending it again.
func FuzzStrictBody(f *testing.F) {
	f.Add(`{"id":"1","to":2,"text":"hi"}`)
	f.Add(`{"id":"1","to":2,"text":"` + "\xff" + `"}`)
	f.Add(`{"id":"1"}{}`)
	f.Add(`{"unknown":1}`)
	f.Add(`null`)
	f.Add(``)
	f.Fuzz(func(t *testing.T, sent string) {
		var q proto.SendMessage
		r := httptest.NewRequest("POST", "/", strings.NewReader(sent))
		r.Header.Set("Content-Type", "application/json")
		err := ReadJSON(httptest.NewRecorder(), r, 1000, &q)
		if err != nil {
			if e, ok := errors.AsType[*proto.Error](err); !ok || e.Code.Retry() != proto.RetryNever {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		if len(sent) > 1000 || !utf8.ValidString(sent) || !utf8.ValidString(q.Text) {
			t.Fatalf("took %q", sent)
		}
	})
}

// The same holds for CIM's clients, whose bodies are read leniently. No number is too
// large for Redis to compute with.
func FuzzLenientBody(f *testing.F) {
	f.Add(`{"userId":1,"receiveUserId":2,"msg":"hi","batchMsg":["a"],"timeStamp":99999999999999999999}`)
	f.Add(`{"userId":9007199254740992}`)
	f.Add(`{"userId":1}{}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, sent string) {
		var q struct {
			UserID   int64    `json:"userId"`
			Msg      string   `json:"msg"`
			BatchMsg []string `json:"batchMsg"`
		}
		err := ReadLenient(httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader(sent)), 1000, &q)
		if err != nil {
			if e, ok := errors.AsType[*proto.Error](err); !ok || e.Code.Retry() != proto.RetryNever {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		if len(sent) > 1000 || !utf8.ValidString(q.Msg) || !proto.ExactNumber(q.UserID) {
			t.Fatalf("took %q", sent)
		}
	})
}
