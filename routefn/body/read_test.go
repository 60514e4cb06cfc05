package body

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cim-go/cim/proto"
)

// A body either decodes into text that is UTF-8 and as it was sent, or is refused with a
// code that forbids to send it again.
func FuzzStrictBody(f *testing.F) {
	f.Add(`{"id":"1","to":2,"text":"hi"}`)
	f.Add(`{"id":"1","to":2,"text":"` + "\xff" + `"}`)
	f.Add(`{"id":"1"}{}`)
	f.Add(`{"unknown":1}`)
	f.Add(`null`)
	f.Add(``)
	f.Fuzz(func(t *testing.T, sent string) {
		var q proto.SendMessage
		err := ReadJSON(httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader(sent)), 1000, &q)
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
