package routefn

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/limit"
)

// another starts a second route on the same store, with connections of its own.
func (w *world) another() *world {
	w.t.Helper()
	c := w.route.cfg
	c.Store = w.dial(limit.Limits{})
	c.Registerer = nil
	route, err := New(c)
	if err != nil {
		w.t.Fatal(err)
	}
	other := *w
	other.route, other.server = route, httptest.NewServer(route.Handler())
	w.t.Cleanup(func() {
		other.server.Close()
		route.Close()
		_ = c.Store.Close()
	})
	return &other
}

func (w *world) sessions(bearer string) map[string]proto.DeviceSession {
	w.t.Helper()
	var answer proto.SessionsAnswer
	if code := w.get(proto.PathSessions, bearer, &answer); code != proto.OK {
		w.t.Fatalf("sessions: %v", code)
	}
	list := make(map[string]proto.DeviceSession)
	for _, s := range answer.Sessions {
		list[s.Device] = s
	}
	return list
}

func TestSessionsAreListed(t *testing.T) {
	w := newWorld(t, nil)
	phone := w.connect("alice", "phone")
	w.connect("bob", "phone")
	script := w.login(proto.LoginRequest{Name: "alice", Device: "script"})
	list := w.another().sessions(phone.Token)
	if s := list["phone"]; len(list) != 2 || !s.Connected || !s.Own || s.Login != phone.Number || s.Network != "127.0.0.0/24" {
		t.Errorf("sessions are %+v", list)
	}
	if s := list["script"]; s.Connected || s.Own || s.Since != 0 || s.Login != script.Number {
		t.Errorf("sessions are %+v", list)
	}
}

// After sessions were ended, every route refuses them at once. Their connections are
// closed with the code SessionEnded.
func TestEndedSessionsAreRefused(t *testing.T) {
	for name, end := range map[string]proto.EndSessions{
		"one": {Device: "phone"}, "others": {Others: true}, "all": {All: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			other := w.another()
			phone, desk := w.connect("alice", "phone"), w.connect("alice", "desk")
			unused := w.login(proto.LoginRequest{Token: phone.Token, Device: "phone"})
			if code := w.post(proto.PathSessionsEnd, desk.Token, end, nil); code != proto.OK {
				t.Fatal(code)
			}
			for _, bearer := range []string{phone.Token, unused.Token} {
				status, _, _ := other.call(http.MethodPost, proto.PathPull, bearer, "application/json", "{}")
				if status != http.StatusUnauthorized {
					t.Errorf("a pull is answered %d", status)
				}
				if code := other.post(proto.PathLogin, "", proto.LoginRequest{Token: bearer, Device: "phone"}, nil); code != proto.Unauthorized {
					t.Errorf("a login: %v", code)
				}
			}
			if o := other.report(w.nodes[unused.Node.ID], w.opening(unused))[0]; proto.Code(o.Code) != proto.SessionUnknown {
				t.Errorf("the unused ticket: %v", proto.Code(o.Code))
			}
			w.flush()
			kicks := phone.node.kicks()
			if len(kicks) == 0 || kicks[0].Number != phone.Number || proto.Code(kicks[0].Code) != proto.SessionEnded {
				t.Errorf("kicked are %v", kicks)
			}
			want := proto.OK
			if end.All {
				want = proto.Unauthorized
			}
			if code := other.post(proto.PathPull, desk.Token, proto.PullMessages{}, nil); code != want {
				t.Errorf("who asked: %v, want %v", code, want)
			}
			if code := w.post(proto.PathSessionsEnd, desk.Token, end, nil); code != proto.OK {
				t.Errorf("again: %v", code)
			}
			again := w.login(proto.LoginRequest{Name: "alice", Device: "phone"})
			if code := other.post(proto.PathPull, again.Token, proto.PullMessages{}, nil); code != proto.OK {
				t.Errorf("the next login: %v", code)
			}
		})
	}
}

func TestEndingSessionsNeedsOneChoice(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	for _, q := range []proto.EndSessions{{}, {Others: true, All: true}, {Device: "desk", Others: true}, {Device: "De sk"}} {
		if code := w.post(proto.PathSessionsEnd, alice.Token, q, nil); code != proto.Invalid {
			t.Errorf("%+v: %v", q, code)
		}
	}
}

// If a kick did not arrive, reconciliation closes the connection with the same code.
func TestNodeLearnsThatASessionEnded(t *testing.T) {
	w := newWorld(t, nil)
	phone, desk := w.connect("alice", "phone"), w.connect("alice", "desk")
	if code := w.post(proto.PathSessionsEnd, desk.Token, proto.EndSessions{Device: "phone"}, nil); code != proto.OK {
		t.Fatal(code)
	}
	var answer proto.ReconcileAnswer
	w.node(proto.PathNodeReconcile, &proto.ReconcileRequest{Origin: phone.node.origin, Held: []*proto.Held{
		{User: phone.User, Device: "phone", Number: phone.Number},
	}}, &answer)
	if d := answer.Differences; len(d) != 1 || d[0].Verdict != proto.Verdict_DISPLACED || proto.Code(d[0].Code) != proto.SessionEnded {
		t.Errorf("differences are %v", d)
	}
}

// A token can be made void even while the store has lost its account.
func TestEndingSessionsOfALostAccount(t *testing.T) {
	w := newWorld(t, nil)
	phone, desk := w.connect("alice", "phone"), w.connect("alice", "desk")
	w.redisDo("FLUSHALL")
	if code := w.post(proto.PathSessionsEnd, desk.Token, proto.EndSessions{Others: true}, nil); code != proto.OK {
		t.Fatal(code)
	}
	if code := w.post(proto.PathPull, phone.Token, proto.PullMessages{}, nil); code != proto.Unauthorized {
		t.Errorf("the other: %v", code)
	}
	if code := w.post(proto.PathPull, desk.Token, proto.PullMessages{}, nil); code != proto.OK {
		t.Errorf("who asked: %v", code)
	}
}
