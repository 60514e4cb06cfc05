package routefn

import (
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cim-go/cim/proto"
)

// What strangers send either decodes into text that is UTF-8 as it was sent, or
// is refused with a code that says not to send it again.
func FuzzStrictBody(f *testing.F) {
	f.Add(`{"id":"1","to":2,"text":"hi"}`)
	f.Add(`{"id":"1","to":2,"text":"` + "\xff" + `"}`)
	f.Add(`{"id":"1"}{}`)
	f.Add(`{"unknown":1}`)
	f.Add(`null`)
	f.Add(``)
	f.Fuzz(func(t *testing.T, body string) {
		var q proto.SendMessage
		err := decodeJSON(httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader(body)), 1000, &q)
		if err != nil {
			if code := (&Route{}).asError(err).Code; code.Retry() != proto.RetryNever {
				t.Fatalf("refused with %v", code)
			}
			return
		}
		if len(body) > 1000 || !utf8.ValidString(body) || !utf8.ValidString(q.Text) {
			t.Fatalf("took %q", body)
		}
	})
}

// A credential that was tampered with must be refused before it costs anything.
func FuzzParseCredential(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=0,t=0,p=0$$")
	f.Fuzz(func(t *testing.T, s string) {
		if c, ok := parseCredential(s); ok && (c.memory > 1<<20 || c.passes < 1 || c.lanes < 1 || len(c.salt) < 8 || len(c.hash) < 16) {
			t.Fatalf("took %q", s)
		}
	})
}
