package routefn

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// After the answer to a logout, no token or ticket that the device had got is served
// any more. It does not matter which device asked, or at which route.
func TestNothingIsServedAfterLogout(t *testing.T) {
	w := newWorld(t, nil)
	bob := w.register("bob")
	alice := w.connect("alice", "phone")
	group := strconv.FormatInt(w.createGroup(alice.Token, proto.CreateGroup{ID: "g1"}), 10)
	// An earlier version made this token, without a number.
	old, err := w.issuer.Token(token.Token{User: alice.User, Name: "alice", Device: "phone", Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	to := strconv.FormatInt(bob, 10)
	// These are tried elsewhere: the last one in TestNobodyDeletesAnAccountAfterLogout.
	apart := []string{proto.PathLogout, proto.PathRefresh, proto.PathAccountDelete}
	calls := map[string]string{ // every other use case that needs a token, with a body
		proto.PathSend: `{"id":"m1","to":` + to + `,"text":"x"}`, proto.PathPull: `{}`,
		proto.PathAck:    `{"number":` + strconv.FormatInt(alice.Number, 10) + `,"cursors":[{"log":0,"epoch":"1","number":1}]}`,
		proto.PathOnline: "", proto.PathUser + "?id=" + to: "", proto.PathDelivered + "?id=m1&to=" + to: "",
		proto.PathSchedule: `{"id":"m2","to":` + to + `,"text":"x","after":1000}`, proto.PathScheduled: "",
		proto.PathCancel: `{"id":"m2"}`, proto.PathGroups: "", proto.PathGroupCreate: `{"id":"g2"}`,
		proto.PathGroupJoin: `{"group":` + group + `}`, proto.PathGroupAdd: `{"group":` + group + `,"user":` + to + `}`,
		proto.PathGroupRemove: `{"group":` + group + `,"user":` + to + `}`, proto.PathGroupMembers + "?group=" + group: "",
		proto.PathPassword: `{"old":"a","new":"b"}`, proto.PathSessions: "", proto.PathExport: "", proto.PathSessionsEnd: `{"device":"unknown"}`,
		proto.PathGroupRole: `{"group":` + group + `,"user":` + to + `,"role":"member"}`,
		proto.PathRole:      "", proto.PathRole + "?post": `{"user":` + to + `,"role":"user"}`,
		proto.PathGroupLeave:  `{"group":` + group + `}`,
		proto.PathInvitations: "", proto.PathGroupAccept: `{"group":` + group + `}`, proto.PathGroupDecline: `{"group":` + group + `}`,
		proto.PathContacts: "", proto.PathContactRemark: `{"user":` + to + `,"remark":"x"}`,
		proto.PathReport:  `{"at":{"log":0,"epoch":"1","number":2,"key":"` + to + `:m1"},"reason":"spam"}`,
		proto.PathReports: "", proto.PathReportClose: `{"id":"x","decision":"dismiss"}`,
		proto.PathConsent: "", proto.PathConsent + "?post": `{"write":"everyone"}`,
	}
	for _, path := range []string{
		proto.PathContactRequest, proto.PathContactAccept, proto.PathContactDecline, proto.PathContactRemove, proto.PathBlock, proto.PathUnblock,
	} {
		calls[path] = `{"user":` + to + `}`
	}
	for _, u := range w.route.requests {
		status, _, _ := w.call(u.methods[0], u.path, "", "application/json", "{}")
		there := slices.ContainsFunc(slices.Collect(maps.Keys(calls)), func(path string) bool {
			return path == u.path || strings.HasPrefix(path, u.path+"?")
		})
		if status == http.StatusUnauthorized && !there && !slices.Contains(apart, u.path) && !strings.HasPrefix(u.path, "/node/") {
			t.Errorf("%s asks for a token and is not tried", u.path)
		}
	}
	try := func(bearer string) map[string]proto.Code {
		codes := make(map[string]proto.Code)
		for path, body := range calls {
			method := http.MethodPost
			if body == "" {
				method = http.MethodGet
			}
			status, _, b := w.call(method, path, bearer, "application/json", body)
			codes[path] = w.decode(status, b, nil)
		}
		return codes
	}
	for _, bearer := range []string{alice.Token, old} {
		for path, code := range try(bearer) {
			if code == proto.Unauthorized {
				t.Errorf("%s before the logout: %v", path, code)
			}
		}
	}
	desk := w.connect("alice", "desk")
	unused := w.login(proto.LoginRequest{Token: alice.Token, Device: "phone"})
	if code := w.post(proto.PathLogout, desk.Token, proto.LogoutRequest{Device: "phone"}, nil); code != proto.OK {
		t.Fatal(code)
	}
	for name, bearer := range map[string]string{"token": alice.Token, "token of before": old, "token of the unused login": unused.Token, "access token": alice.Access} {
		for path, code := range try(bearer) {
			if code != proto.Unauthorized {
				t.Errorf("%s by the %s: %v", path, name, code)
			}
		}
		if code := w.post(proto.PathLogin, "", proto.LoginRequest{Token: bearer, Device: "phone"}, nil); code != proto.Unauthorized {
			t.Errorf("login by the %s: %v", name, code)
		}
		if code := w.post(proto.PathLogout, bearer, proto.LogoutRequest{Device: "desk"}, nil); code != proto.Unauthorized {
			t.Errorf("another device is logged out by the %s: %v", name, code)
		}
		if code := w.post(proto.PathLogout, bearer, proto.LogoutRequest{}, nil); code != proto.OK {
			t.Errorf("the logout again by the %s: %v", name, code)
		}
	}
	for name, refresh := range map[string]string{"login": alice.Refresh, "unused login": unused.Refresh} {
		if code := w.post(proto.PathRefresh, "", proto.RefreshRequest{Refresh: refresh}, nil); code != proto.Unauthorized {
			t.Errorf("refresh by the token of the %s: %v", name, code)
		}
	}
	if o := w.report(w.nodes[unused.Node.ID], w.opening(unused))[0]; proto.Code(o.Code) != proto.SessionUnknown {
		t.Errorf("the unused ticket: %v", proto.Code(o.Code))
	}
	again := w.login(proto.LoginRequest{Name: "alice", Device: "phone"})
	for name, bearer := range map[string]string{"the next login's": again.Token, "the other device's": desk.Token} {
		if code := w.post(proto.PathPull, bearer, proto.PullMessages{}, nil); code != proto.OK {
			t.Errorf("%s: %v", name, code)
		}
	}
	if o := w.report(w.nodes[again.Node.ID], w.opening(again))[0]; o.Code != 0 {
		t.Errorf("the next ticket: %v", proto.Code(o.Code))
	}
}

// A device logs out after the store lost everything and before any account was
// restored. Its token would have restored the account, and must not do so later.
func TestLogoutOfALostAccountVoidsItsToken(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	w.redisDo("FLUSHALL")
	for range 2 { // repeating it is no error
		if code := w.post(proto.PathLogout, alice.Token, proto.LogoutRequest{}, nil); code != proto.OK {
			t.Fatalf("logout: %v", code)
		}
	}
	if code := w.post(proto.PathPull, alice.Token, proto.PullMessages{}, nil); code != proto.Unauthorized {
		t.Errorf("pull: %v", code)
	}
	if code := w.post(proto.PathLogin, "", proto.LoginRequest{Token: alice.Token, Device: "phone"}, nil); code != proto.Unauthorized {
		t.Errorf("login: %v", code)
	}
	if o := w.report(alice.node, &proto.Opening{Session: alice.session, First: true})[0]; proto.Code(o.Code) != proto.SessionUnknown {
		t.Errorf("the ticket: %v", proto.Code(o.Code))
	}
	if again := w.login(proto.LoginRequest{User: alice.User, Name: "alice", Device: "phone"}); again.User != alice.User {
		t.Errorf("the next login is that of %d", again.User)
	}
}

// In password mode accounts are not restored, so there is nothing to log out.
func TestLogoutOfALostAccountWithAPassword(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Auth = AuthPassword })
	bearer, err := w.issuer.Token(token.Token{User: 1547028929407, Name: "alice", Device: "phone", Number: 1, Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if code := w.post(proto.PathLogout, bearer, proto.LogoutRequest{}, nil); code != proto.OK {
		t.Errorf("logout: %v", code)
	}
}
