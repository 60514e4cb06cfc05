package routefn

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/sourceip"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/identity"
	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/redistest"
)

// guarded is two routes with passwords and the default limits over one real Redis.
type guarded struct {
	*world
	other   http.Handler
	metrics [2]*prometheus.Registry
}

// newGuarded starts the two routes. They believe callers on loopback about the
// addresses of clients.
func newGuarded(t *testing.T, change func(*Config)) *guarded {
	t.Helper()
	server, err := redistest.Redis(t.Context(), redistest.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	g := &guarded{metrics: [2]*prometheus.Registry{prometheus.NewRegistry(), prometheus.NewRegistry()}}
	var shared Config
	g.world = newWorld(t, func(c *Config) {
		t.Cleanup(server.Stop)
		store, err := record.Dial(t.Context(), record.Config{URL: server.URL()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		c.Store, c.Auth, c.Limits, c.Registerer = store, AuthPassword, limit.Default(), g.metrics[0]
		c.StoreTarget = time.Minute // nothing is refused because this machine is slow
		c.Proxies = sourceip.Proxies{netip.MustParsePrefix("127.0.0.1/32")}
		if change != nil {
			change(c)
		}
		shared = *c
	})
	shared.Registerer = g.metrics[1]
	other, err := New(shared)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	g.other = other.Handler()
	return g
}

// from sends q from an address, to the route with the number route. It returns the code
// and the seconds in Retry-After.
func (g *guarded) from(address string, route int, path string, q any) (proto.Code, int) {
	g.t.Helper()
	b, err := json.Marshal(q)
	if err != nil {
		g.t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(g.t.Context(), http.MethodPost, path, bytes.NewReader(b))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Forwarded-For", address)
	r.RemoteAddr = "127.0.0.1:4711"
	w := httptest.NewRecorder()
	[]http.Handler{g.server.Config.Handler, g.other}[route].ServeHTTP(w, r)
	after, _ := strconv.Atoi(w.Header().Get("Retry-After"))
	return g.decode(w.Code, w.Body.Bytes(), nil), after
}

// hashed returns how many passwords both routes together have hashed, and how many they
// have refused for the reason why.
func (g *guarded) hashed(why identity.Reason) (hashed, refused int) {
	g.t.Helper()
	for _, r := range g.metrics {
		families, err := r.Gather()
		if err != nil {
			g.t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				switch {
				case f.GetName() == "cim_route_password_hash_wait_seconds":
					hashed += int(m.GetHistogram().GetSampleCount())
				case f.GetName() == "cim_route_password_refusals_total" && m.GetLabel()[0].GetValue() == string(why):
					refused += int(m.GetCounter().GetValue())
				}
			}
		}
	}
	return hashed, refused
}

func login(name, password string) proto.LoginRequest {
	return proto.LoginRequest{Name: name, Password: password, Device: "phone"}
}

// A thousand addresses make ten guesses each, at two routes, by name and by id. The
// first ten guesses are compared, and then one per minute. Meanwhile the owner logs in.
func TestGuessesFromManyAddressesAreFew(t *testing.T) {
	g := newGuarded(t, nil)
	var alice proto.RegisterAnswer
	g.post(proto.PathRegister, "", proto.RegisterRequest{Name: "alice", Password: "secret"}, &alice)
	before, _ := g.hashed(identity.TooManyForAccount)
	begun := time.Now()
	work := make(chan int)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for i := range work {
				q := login("alice", fmt.Sprint("guess-", i))
				if i%3 == 0 {
					q.Name, q.User = "", alice.User
				}
				code, after := g.from(fmt.Sprintf("127.0.%d.%d", 1+i%1000/250, 1+i%250), i%2, proto.PathLogin, q)
				if code != proto.WrongPassword && (code != proto.Overloaded || after < 1 || after > 60) {
					t.Errorf("guess %d: %v, retry after %d s", i, code, after)
				}
			}
		})
	}
	for i := range 10_000 {
		work <- i
	}
	close(work)
	all.Wait()
	hashed, refused := g.hashed(identity.TooManyForAccount)
	hashed -= before
	if most := 10 + 1 + int(time.Since(begun)/time.Minute); hashed < 10 || hashed > most || hashed > 100 || refused < 9_000 {
		t.Errorf("%d guesses were compared and %d refused, want at most %d compared", hashed, refused, most)
	}
	t.Logf("%d of 10000 guesses were compared in %v", hashed, time.Since(begun))
	// Alice registered from this address. Another one is a stranger's, with the right password, too.
	if code, _ := g.from("127.0.0.1", 1, proto.PathLogin, login("alice", "secret")); code != proto.OK {
		t.Errorf("alice from her own address: %v", code)
	}
	if code, _ := g.from("127.9.9.9", 1, proto.PathLogin, login("alice", "secret")); code != proto.Overloaded {
		t.Errorf("the right guess of a stranger: %v", code)
	}
}

// Guesses at a name that does not exist are refused after as many tries, with the same
// text.
func TestRefusalsDoNotTellWhoExists(t *testing.T) {
	g := newGuarded(t, nil)
	g.from("127.1.0.1", 0, proto.PathRegister, proto.RegisterRequest{Name: "alice", Password: "secret"})
	var told [2][]string
	for i, name := range []string{"alice", "nobody"} {
		for n := range 13 {
			code, _ := g.from(fmt.Sprintf("127.2.%d.%d", i, n), n%2, proto.PathLogin, login(name, "guess"))
			told[i] = append(told[i], code.String())
		}
	}
	if fmt.Sprint(told[0]) != fmt.Sprint(told[1]) || told[0][9] != "wrong-password" || told[0][10] != "overloaded" {
		t.Errorf("alice %v\nnobody %v", told[0], told[1])
	}
}

// Registering an existing name compares its password, so it counts like a login.
func TestRegisteringIsNoSecondWayToGuess(t *testing.T) {
	g := newGuarded(t, nil)
	alice := proto.RegisterRequest{Name: "alice", Password: "secret"}
	g.from("127.1.0.1", 0, proto.PathRegister, alice)
	for i := range 12 {
		q := proto.RegisterRequest{Name: "alice", Password: fmt.Sprint("guess-", i)}
		code, _ := g.from(fmt.Sprintf("127.2.0.%d", 1+i), i%2, proto.PathRegister, q)
		if want := map[bool]proto.Code{true: proto.NameTaken, false: proto.Overloaded}[i < 10]; code != want {
			t.Errorf("guess %d: %v, want %v", i, code, want)
		}
	}
	if code, _ := g.from("127.3.0.1", 0, proto.PathLogin, login("alice", "guess")); code != proto.Overloaded {
		t.Errorf("a guess by login after ten by registering: %v", code)
	}
	for range 3 { // alice's own client repeats its request
		if code, _ := g.from("127.1.0.1", 1, proto.PathRegister, alice); code != proto.OK {
			t.Errorf("alice registers again: %v", code)
		}
	}
}

// A login with a token makes its address known. A void token does not.
func TestTokenMakesAnAddressKnown(t *testing.T) {
	g := newGuarded(t, nil)
	g.post(proto.PathRegister, "", proto.RegisterRequest{Name: "alice", Password: "secret"}, nil)
	first := g.login(login("alice", "secret"))
	with := proto.LoginRequest{Token: first.Token, Device: "phone"}
	if code, _ := g.from("127.4.0.1", 0, proto.PathLogin, with); code != proto.OK {
		t.Fatalf("login with a token: %v", code)
	}
	if code := g.post(proto.PathLogout, first.Token, proto.LogoutRequest{}, nil); code != proto.OK {
		t.Fatalf("logout: %v", code)
	}
	if code, _ := g.from("127.4.0.2", 1, proto.PathLogin, with); code != proto.Unauthorized {
		t.Errorf("login with a void token: %v", code)
	}
	for i := range 12 {
		g.from(fmt.Sprintf("127.2.0.%d", 1+i), i%2, proto.PathLogin, login("alice", "guess"))
	}
	for address, want := range map[string]proto.Code{"127.4.0.1": proto.OK, "127.4.0.2": proto.Overloaded} {
		if code, _ := g.from(address, 1, proto.PathLogin, login("alice", "secret")); code != want {
			t.Errorf("alice from %s: %v, want %v", address, code, want)
		}
	}
}

// One address guesses at many names. Alice, who has registered from there, can still
// log in from there. Others can log in only from elsewhere.
func TestGuesserIsBoundedByItsAddress(t *testing.T) {
	g := newGuarded(t, func(c *Config) { c.Limits.WrongPasswordsAddress = limit.Rate{Burst: 12, Every: time.Hour} })
	g.from("127.1.0.1", 0, proto.PathRegister, proto.RegisterRequest{Name: "alice", Password: "secret"})
	for i := range 20 {
		code, after := g.from("127.1.0.1", i%2, proto.PathLogin, login(fmt.Sprint("name-", i), "guess"))
		if want := map[bool]proto.Code{true: proto.WrongPassword, false: proto.Overloaded}[i < 12]; code != want || i >= 12 && after < 3000 {
			t.Errorf("guess %d: %v, retry after %d s, want %v", i, code, after, want)
		}
	}
	for _, address := range []string{"127.1.0.1", "127.1.0.2"} {
		if code, _ := g.from(address, 0, proto.PathLogin, login("alice", "secret")); code != proto.OK {
			t.Errorf("alice from %s: %v", address, code)
		}
	}
}

// The addresses of one /64 together make few accounts. Registering an existing name, or
// from another address, is not bounded by that.
func TestRegistrationsPerAddressAreBounded(t *testing.T) {
	for name, auth := range map[string]Auth{"password": AuthPassword, "open": AuthOpen} {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t, func(c *Config) {
				c.Auth, c.Limits.Registrations = auth, limit.Rate{Burst: 4, Every: 3 * time.Minute}
			})
			for i := range 6 {
				q := proto.RegisterRequest{Name: fmt.Sprint("user-", i), Password: "secret"}
				code, after := g.from(fmt.Sprintf("2001:db8::%d", i), i%2, proto.PathRegister, q)
				if want := map[bool]proto.Code{true: proto.OK, false: proto.Overloaded}[i < 4]; code != want || i >= 4 && (after < 100 || after > 180) {
					t.Errorf("registration %d: %v, retry after %d s, want %v", i, code, after, want)
				}
			}
			if code, _ := g.from("2001:db8::9", 0, proto.PathRegister, proto.RegisterRequest{Name: "user-0", Password: "secret"}); code != proto.OK {
				t.Errorf("a name that exists: %v", code)
			}
			if code, _ := g.from("2001:db8:0:1::9", 0, proto.PathRegister, proto.RegisterRequest{Name: "carol", Password: "secret"}); code != proto.OK {
				t.Errorf("another block: %v", code)
			}
			if _, refused := g.hashed(identity.TooManyRegistrations); refused != 2 {
				t.Errorf("%d refusals were counted, want 2", refused)
			}
		})
	}
}

// 64 guessers at 64 addresses guess without a pause, at names that do not exist, each
// over its own connections. Alice, whose address is known, and bob, who comes from a
// new address each time, log in ten times each. On a slow machine a password may get no
// turn in time. Then they try again, as clients do.
func TestLoginsSucceedBesideGuessers(t *testing.T) {
	g := newGuarded(t, nil)
	for _, name := range []string{"alice", "bob"} {
		g.from("127.1.0.1", 0, proto.PathRegister, proto.RegisterRequest{Name: name, Password: "secret"})
	}
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() { g.guessOn(ctx, i) })
	}
	wait.Until(t, "guesses are hashed", func() bool { n, _ := g.hashed(identity.NoTurn); return n > 4 })
	again := 0
	for i := range 10 {
		for name, address := range map[string]string{"alice": "127.1.0.1", "bob": fmt.Sprintf("127.7.0.%d", 1+i)} {
			wait.Until(t, name+" logs in", func() bool {
				code, _ := g.from(address, 0, proto.PathLogin, login(name, "secret"))
				if code == proto.Overloaded {
					again++
				} else if code != proto.OK {
					t.Fatalf("login %d of %s: %v", i, name, code)
				}
				return code == proto.OK
			})
		}
	}
	stop()
	all.Wait()
	t.Logf("20 logins, %d of them came again", again)
	for _, why := range []identity.Reason{identity.TooManyForAccount, identity.TooManyRegistrations} {
		if _, refused := g.hashed(why); refused != 0 {
			t.Errorf("%d were refused for %s", refused, why)
		}
	}
}

// guessOn guesses at the route's listener from an address of its own until ctx ends.
func (g *guarded) guessOn(ctx context.Context, i int) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 66, 0, byte(1+i))}}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext}}
	defer client.CloseIdleConnections()
	for n := 0; ctx.Err() == nil; n++ {
		b, _ := json.Marshal(login(fmt.Sprintf("name-%d-%d", i, n), "guess"))
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.server.URL+proto.PathLogin, bytes.NewReader(b))
		if err != nil {
			g.t.Error(err)
			return
		}
		r.Header.Set("Content-Type", "application/json")
		if answer, err := client.Do(r); err == nil {
			answer.Body.Close()
		}
	}
}
