package routefn

import (
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// refresh uses a refresh token at a route.
func (w *world) refresh(s string) (proto.RefreshAnswer, proto.Code) {
	w.t.Helper()
	var answer proto.RefreshAnswer
	code := w.post(proto.PathRefresh, "", proto.RefreshRequest{Refresh: s}, &answer)
	return answer, code
}

func (w *world) mustRefresh(s string) proto.RefreshAnswer {
	w.t.Helper()
	answer, code := w.refresh(s)
	if code != proto.OK || answer.AccessSeconds != 600 || answer.Refresh == s {
		w.t.Fatalf("refresh: %v, %+v", code, answer)
	}
	return answer
}

func (w *world) pulls(bearer string) proto.Code {
	w.t.Helper()
	return w.post(proto.PathPull, bearer, proto.PullMessages{}, nil)
}

func TestTokensAreRefreshed(t *testing.T) {
	w := newWorld(t, nil)
	other := w.another()
	l := w.connect("alice", "phone")
	if l.Token == "" || l.Access == "" || l.Refresh == "" || l.AccessSeconds != 600 {
		t.Fatalf("login: %+v", l.LoginAnswer)
	}
	first := other.mustRefresh(l.Refresh)
	again := w.mustRefresh(l.Refresh) // its answer was lost, or another tab asks, too
	if again.Refresh != first.Refresh {
		t.Error("a repetition gets another refresh token")
	}
	second := other.mustRefresh(again.Refresh)
	for name, bearer := range map[string]string{"login": l.Access, "first": first.Access, "second": second.Access, "token": l.Token} {
		if code := w.pulls(bearer); code != proto.OK {
			t.Errorf("%s: %v", name, code)
		}
	}
}

// A refresh token that was stolen and used comes again from its device: the session ends,
// with all that the thief got.
func TestStolenRefreshTokenEndsTheSession(t *testing.T) {
	w := newWorld(t, nil)
	other := w.another()
	phone, desk := w.connect("alice", "phone"), w.connect("alice", "desk")
	thief := other.mustRefresh(phone.Refresh)
	thief = other.mustRefresh(thief.Refresh)
	if _, code := w.refresh(phone.Refresh); code != proto.Unavailable { // it may be a request that was held up
		t.Errorf("a moment after the use of its successor: %v", code)
	}
	thief = other.mustRefresh(thief.Refresh)
	status, _, _ := w.call(http.MethodPost, proto.PathRefresh, "", "application/json", `{"refresh":"`+phone.Refresh+`"}`)
	if status != http.StatusUnauthorized {
		t.Errorf("the device is answered %d", status)
	}
	for name, bearer := range map[string]string{"the thief's": thief.Access, "the device's": phone.Access, "the one": phone.Token} {
		if code := other.pulls(bearer); code != proto.Unauthorized {
			t.Errorf("%s: %v", name, code)
		}
	}
	if _, code := other.refresh(thief.Refresh); code != proto.Unauthorized {
		t.Errorf("the thief refreshes: %v", code)
	}
	w.flush()
	if kicks := phone.node.kicks(); len(kicks) != 1 || kicks[0].Number != phone.Number || proto.Code(kicks[0].Code) != proto.SessionEnded {
		t.Errorf("kicked are %v", kicks)
	}
	if code := other.pulls(desk.Token); code != proto.OK {
		t.Errorf("another device: %v", code)
	}
	if n := testutil.ToFloat64(w.route.metrics.Replayed); n != 1 {
		t.Errorf("%v replays were counted", n)
	}
	next := w.login(proto.LoginRequest{Name: "alice", Device: "phone"})
	w.mustRefresh(next.Refresh)
}

// An access token logs in, but its life is not made longer by that.
func TestLoginByAnAccessTokenGetsNoOther(t *testing.T) {
	w := newWorld(t, nil)
	l := w.connect("alice", "phone")
	again := w.login(proto.LoginRequest{Token: l.Access, Device: "phone"})
	if again.Token != l.Access || again.Access != "" || again.Refresh != "" || again.Number <= l.Number {
		t.Errorf("login: %+v", again)
	}
	if o := w.report(w.nodes[again.Node.ID], w.opening(again))[0]; o.Code != 0 {
		t.Errorf("its ticket: %v", proto.Code(o.Code))
	}
	w.mustRefresh(l.Refresh)
	byToken := w.login(proto.LoginRequest{Token: l.Token, Device: "phone"})
	if byToken.Token == l.Token || byToken.Access == "" || byToken.Refresh == "" {
		t.Errorf("login by the token for days: %+v", byToken)
	}
}

func TestAccessTokenExpiresByTheStoresClock(t *testing.T) {
	w := newWorld(t, nil)
	l := w.connect("alice", "phone")
	parsed, err := w.issuer.VerifyToken(l.Access)
	if err != nil || !parsed.Access || parsed.Expires.UnixMilli()-l.Number > (token.AccessLife+time.Minute).Milliseconds() {
		t.Errorf("the access token is %+v, %v", parsed, err)
	}
	parsed.Expires = time.UnixMilli(l.Number)
	expired, err := w.issuer.Token(parsed)
	if err != nil {
		t.Fatal(err)
	}
	if code := w.pulls(expired); code != proto.Unauthorized {
		t.Errorf("expired: %v", code)
	}
	old, err := w.issuer.VerifyRefresh(l.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	old.Expires = parsed.Expires
	late, err := w.issuer.Refresh(old)
	if err != nil {
		t.Fatal(err)
	}
	if _, code := w.refresh(late); code != proto.Unauthorized {
		t.Errorf("a refresh token that expired: %v", code)
	}
}

// A token of one kind is not accepted in place of another kind.
func TestTokensOfOneKindAreNoOthers(t *testing.T) {
	w := newWorld(t, nil)
	l := w.connect("alice", "phone")
	for name, s := range map[string]string{"access": l.Access, "token": l.Token, "ticket": l.Ticket, "nothing": "", "noise": "noise"} {
		if _, code := w.refresh(s); code != proto.Unauthorized {
			t.Errorf("refresh by %s: %v", name, code)
		}
	}
	if code := w.pulls(l.Refresh); code != proto.Unauthorized {
		t.Errorf("a pull by a refresh token: %v", code)
	}
	if code := w.post(proto.PathLogin, "", proto.LoginRequest{Token: l.Refresh, Device: "phone"}, nil); code != proto.Unauthorized {
		t.Errorf("a login by a refresh token: %v", code)
	}
}

// Refreshing needs no node: messages are sent over HTTP while none serves.
func TestTokensAreRefreshedWithoutANode(t *testing.T) {
	w := newWorld(t, nil)
	l := w.connect("alice", "phone")
	w.table.Set(nil)
	if code := w.pulls(w.mustRefresh(l.Refresh).Access); code != proto.OK {
		t.Errorf("pull: %v", code)
	}
}

func TestTokensOfALostAccountAreRefreshed(t *testing.T) {
	w := newWorld(t, nil)
	l := w.connect("alice", "phone")
	w.redisDo("FLUSHALL")
	if code := w.pulls(w.mustRefresh(l.Refresh).Access); code != proto.OK {
		t.Errorf("in open mode: %v", code)
	}
	w = newWorld(t, withPasswords)
	l = w.member("alice", "phone")
	w.redisDo("FLUSHALL")
	if _, code := w.refresh(l.Refresh); code != proto.Unauthorized && code != proto.Unavailable {
		t.Errorf("in password mode: %v", code)
	}
}
