package routefn

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/identity/jwt"
)

const (
	foreignIssuer   = "https://login.example.org"
	foreignAudience = "chat"
	foreignSecret   = "a secret of more than thirty-two bytes"
)

// foreignWorld is a route whose users another system knows.
type foreignWorld struct {
	*world
	signer  *jwt.Signer
	metrics *prometheus.Registry
}

func newForeignWorld(t *testing.T) *foreignWorld {
	t.Helper()
	signer, err := jwt.NewSigner([]byte(foreignSecret))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := jwt.ParseKeys([]byte(foreignSecret))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := jwt.New(jwt.Config{Issuer: foreignIssuer, Audience: foreignAudience, Keys: jwt.NewFixed(keys...)})
	if err != nil {
		t.Fatal(err)
	}
	w := &foreignWorld{signer: signer, metrics: prometheus.NewRegistry()}
	w.world = newWorld(t, func(c *Config) { c.Auth, c.Foreign, c.Registerer = AuthJWT, verifier, w.metrics })
	return w
}

// of is a token of the other system for a user.
func (w *foreignWorld) of(subject string, devices ...string) string {
	w.t.Helper()
	now := time.Now()
	token, err := w.signer.Sign(jwt.Claims{
		Issuer: foreignIssuer, Audience: foreignAudience, Subject: subject, Issued: now, Expires: now.Add(time.Minute), Devices: devices,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

func (w *foreignWorld) refused(q proto.LoginRequest, want proto.Code) {
	w.t.Helper()
	if code := w.post(proto.PathLogin, "", q, nil); code != want {
		w.t.Errorf("login as %s %s: %v, want %v", q.Name, q.Device, code, want)
	}
}

func TestFirstLoginWithATokenMakesTheAccount(t *testing.T) {
	w := newForeignWorld(t)
	first := w.login(proto.LoginRequest{JWT: w.of("alice"), Device: "phone"})
	second := w.login(proto.LoginRequest{JWT: w.of("alice"), Device: "desk", Name: "alice", User: first.User})
	if first.Name != "alice" || first.User == 0 || second.User != first.User || second.Name != "alice" {
		t.Errorf("logged in as %+v, and then %+v", first, second)
	}
	bob := w.login(proto.LoginRequest{JWT: w.of("bob"), Device: "phone"})
	if bob.User == first.User {
		t.Error("two subjects have one account")
	}
	w.refused(proto.LoginRequest{JWT: w.of("alice"), Device: "desk", Name: "bob"}, proto.Unauthorized)
	w.refused(proto.LoginRequest{JWT: w.of("alice"), Device: "desk", User: bob.User}, proto.Unauthorized)
}

// The session that follows is like any other: it is listed, ended, and kept by our token.
func TestSessionOfAForeignUserIsLikeAnyOther(t *testing.T) {
	w := newForeignWorld(t)
	phone := w.login(proto.LoginRequest{JWT: w.of("alice"), Device: "phone"})
	desk := w.login(proto.LoginRequest{JWT: w.of("alice"), Device: "desk"})
	w.report(w.nodes[desk.Node.ID], w.opening(desk))
	var list proto.SessionsAnswer
	if code := w.get(proto.PathSessions, phone.Token, &list); code != proto.OK || len(list.Sessions) != 2 {
		t.Fatalf("sessions: %v, %+v", code, list)
	}
	if again := w.login(proto.LoginRequest{Token: phone.Token, Device: "phone"}); again.User != phone.User {
		t.Errorf("by our token: %+v", again)
	}
	if code := w.post(proto.PathSessionsEnd, phone.Token, proto.EndSessions{Device: "desk"}, nil); code != proto.OK {
		t.Fatalf("end a session: %v", code)
	}
	w.refused(proto.LoginRequest{Token: desk.Token, Device: "desk"}, proto.Unauthorized)
	if kicks := w.nodes[desk.Node.ID].kicks(); len(kicks) != 1 || proto.Code(kicks[0].Code) != proto.SessionEnded {
		t.Errorf("the node was told %v", kicks)
	}
	if code := w.post(proto.PathLogout, phone.Token, proto.LogoutRequest{}, nil); code != proto.OK {
		t.Fatalf("log out: %v", code)
	}
	w.refused(proto.LoginRequest{Token: phone.Token, Device: "phone"}, proto.Unauthorized)
	w.login(proto.LoginRequest{JWT: w.of("alice"), Device: "phone"})
}

func TestForeignModeTakesNothingElse(t *testing.T) {
	w := newForeignWorld(t)
	w.refused(proto.LoginRequest{Name: "alice", Device: "phone"}, proto.Unauthorized)
	w.refused(proto.LoginRequest{Name: "alice", Password: "secret", Device: "phone"}, proto.Unauthorized)
	w.refused(proto.LoginRequest{JWT: "alice", Device: "phone"}, proto.Unauthorized)
	if code := w.post(proto.PathRegister, "", proto.RegisterRequest{Name: "alice", Password: "secret"}, nil); code != proto.Invalid {
		t.Errorf("register: %v", code)
	}
	alice := w.login(proto.LoginRequest{JWT: w.of("alice"), Device: "phone"})
	if code := w.post(proto.PathPassword, alice.Token, proto.ChangePassword{Old: "a", New: "b"}, nil); code != proto.Invalid {
		t.Errorf("change the password: %v", code)
	}
	if status, _, _ := w.call(http.MethodPost, "/login", "", "application/json", `{"userId": 1, "userName": "alice"}`); status != http.StatusNotFound {
		t.Errorf("CIM's login answers %d", status)
	}
}

func TestOtherModesTakeNoForeignTokens(t *testing.T) {
	token := newForeignWorld(t).of("alice")
	for name, auth := range map[string]Auth{"open": AuthOpen, "password": AuthPassword} {
		w := newWorld(t, func(c *Config) { c.Auth = auth })
		if code := w.post(proto.PathLogin, "", proto.LoginRequest{JWT: token, Name: "alice", Device: "phone"}, nil); code != proto.Invalid {
			t.Errorf("%s: %v", name, code)
		}
	}
}

func TestForeignTokenIsForItsDevicesAndOneName(t *testing.T) {
	w := newForeignWorld(t)
	w.refused(proto.LoginRequest{JWT: w.of("alice", "phone"), Device: "desk"}, proto.Unauthorized)
	w.login(proto.LoginRequest{JWT: w.of("alice", "phone"), Device: "phone"})
	w.refused(proto.LoginRequest{JWT: w.of(" alice"), Device: "phone"}, proto.Invalid)
	w.refused(proto.LoginRequest{JWT: w.of(strings.Repeat("x", 65)), Device: "phone"}, proto.Invalid)
	w.redisDo("SET", "cim:name:bob", `{"id": 17, "credential": "$argon2id$"}`) // of another mode
	w.refused(proto.LoginRequest{JWT: w.of("bob"), Device: "phone"}, proto.NameTaken)
	w.refused(proto.LoginRequest{JWT: w.of("carol") + strings.Repeat(" ", 1<<20), Device: "phone"}, proto.TooLarge)
	w.refused(proto.LoginRequest{JWT: strings.Repeat("x", jwt.MaxToken+1), Device: "phone"}, proto.TooLarge)
	want := `# HELP cim_route_jwt_refusals_total Logins refused for their JWT, by reason.
# TYPE cim_route_jwt_refusals_total counter
`
	counts := map[jwt.Reason]string{jwt.WrongDevice: "1", jwt.WrongName: "2", jwt.NameTaken: "1", jwt.TooLong: "1"}
	for _, why := range jwt.Reasons() {
		n := counts[why]
		if n == "" {
			n = "0"
		}
		want += `cim_route_jwt_refusals_total{reason="` + string(why) + `"} ` + n + "\n"
	}
	if err := testutil.GatherAndCompare(w.metrics, strings.NewReader(want), "cim_route_jwt_refusals_total"); err != nil {
		t.Error(err)
	}
}
