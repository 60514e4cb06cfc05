package routefn

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/cim-go/cim/proto"
)

// After the store has lost everything, every answer lets the caller repeat its request.
// No request is refused for good, and a message is stored once.
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

// In open mode a login with id and name restores an account that was lost. With only
// one of the two it does not.
func TestLoginByIDAndNameFindsALostAccount(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.register("alice")
	w.redisDo("FLUSHALL")
	for _, q := range []proto.LoginRequest{{Name: "alice"}, {User: alice}} {
		q.Device = "phone"
		if code := w.post(proto.PathLogin, "", q, nil); code == proto.OK {
			t.Errorf("login by %+v was taken", q)
		}
	}
	if l := w.login(proto.LoginRequest{User: alice, Name: "alice", Device: "phone"}); l.User != alice || l.Name != "alice" {
		t.Errorf("logged in as %+v", l)
	}
	if code := w.post(proto.PathLogin, "", proto.LoginRequest{User: alice, Name: "bob", Device: "phone"}, nil); code == proto.OK {
		t.Error("another name was taken for the id")
	}
}

// If an account cannot be restored now, because the store is full or does not answer,
// its client is not told that the account is gone. Otherwise the client would never
// come back.
func TestAccountThatCannotBeMadeAgainYetIsNotGone(t *testing.T) {
	w := newWorld(t, nil)
	const alice = 1700000000001
	w.redisDo("LPUSH", "cim:name:alice", "no account") // nothing can be read or set there
	q := proto.LoginRequest{User: alice, Name: "alice", Device: "phone"}
	if code := w.post(proto.PathLogin, "", q, nil); code.Retry() != proto.RetryLater {
		t.Errorf("login: %v", code)
	}
	w.redisDo("DEL", "cim:name:alice")
	if l := w.login(q); l.User != alice {
		t.Errorf("logged in as %+v", l)
	}
}
