package routefn

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/cim-go/cim/proto"
)

// Whatever a caller asks for after the store has lost everything is to be repeated,
// never refused for good, and a message is stored once.
func TestCallerWhoseAccountWasLostIsToRepeat(t *testing.T) {
	for path, body := range map[string]string{
		proto.PathSend:        `{"id":"m1","to":TO,"text":"x"}`,
		proto.PathSchedule:    `{"id":"m2","to":TO,"text":"x","after":1000}`,
		proto.PathPull:        `{}`,
		proto.PathGroupCreate: `{"id":"g1"}`,
		proto.PathGroups:      "",
	} {
		t.Run(path, func(t *testing.T) {
			w := newWorld(t, nil)
			alice := w.connect("alice", "phone")
			w.redisDo("FLUSHALL")
			bob := w.connect("bob", "phone")
			method := http.MethodPost
			if body == "" {
				method = http.MethodGet
			}
			var codes []proto.Code
			for range 3 {
				status, _, b := w.call(method, path, alice.Token, "application/json", replaceTo(body, bob.User))
				code := w.decode(status, b, nil)
				codes = append(codes, code)
				if code == proto.OK {
					break
				}
				if code.Retry() == proto.RetryNever {
					t.Fatalf("answered %v", codes)
				}
			}
			if codes[len(codes)-1] != proto.OK {
				t.Errorf("answered %v", codes)
			}
			if path == proto.PathSend {
				w.wantInbox(bob.Token, "m1")
			}
		})
	}
}

func replaceTo(body string, user int64) string {
	return strings.ReplaceAll(body, "TO", strconv.FormatInt(user, 10))
}
