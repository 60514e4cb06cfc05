package cert

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func operator(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	key, err := NewOperator()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func identity(t testing.TB, by ed25519.PrivateKey, role Role, id string) *Identity {
	t.Helper()
	c := Certificate{Role: role, ID: id, NotAfter: noon.Add(24 * time.Hour)}
	if role == Node {
		c.Weight = 4
	}
	i, err := NewIdentity(c, by)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// at returns a keyring whose clock shows a time.
func at(i *Identity, now time.Time) *Keyring {
	return NewKeyring(i, func() time.Time { return now })
}

func TestFileKeepsTheIdentity(t *testing.T) {
	i := identity(t, operator(t), Node, "node-1")
	read, err := ParseIdentity(i.PEM(), noon)
	if err != nil {
		t.Fatal(err)
	}
	if read.ID != "node-1" || read.Role != Node || read.Weight != 4 || !read.NotAfter.Equal(i.NotAfter) || !read.key.Equal(i.key) {
		t.Errorf("read %+v of %+v", read, i)
	}
}

func TestFileThatIsWrongIsRefused(t *testing.T) {
	key := operator(t)
	i, other := identity(t, key, Node, "node-1"), identity(t, key, Node, "node-2")
	stranger := identity(t, operator(t), Node, "node-1")
	swapped := &Identity{signed: other.signed, key: i.key, operators: i.operators}
	unsigned := &Identity{signed: stranger.signed, key: stranger.key, operators: i.operators}
	for name, c := range map[string]struct {
		text []byte
		now  time.Time
		want string
	}{
		"nothing":              {nil, noon, "lacks"},
		"the operator's key":   {OperatorPEM(key), noon, "no process may have"},
		"another's key":        {swapped.PEM(), noon, "another process key"},
		"unknown operator":     {unsigned.PEM(), noon, ErrForeign.Error()},
		"ended":                {i.PEM(), noon.Add(25 * time.Hour), ErrExpired.Error()},
		"changed header alone": {bytes.ReplaceAll(i.PEM(), []byte("node-1"), []byte("node-9")), noon, ""},
	} {
		t.Run(name, func(t *testing.T) {
			read, err := ParseIdentity(c.text, c.now)
			switch {
			case c.want == "" && (err != nil || read.ID != "node-1"):
				t.Errorf("read %v, %v", read, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("the error is %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestOperatorFileKeepsTheKey(t *testing.T) {
	key := operator(t)
	if read, err := ParseOperator(OperatorPEM(key)); err != nil || !read.Equal(key) {
		t.Errorf("read another key, %v", err)
	}
	if _, err := ParseOperator(identity(t, key, Node, "node-1").PEM()); err == nil {
		t.Error("a process's file was taken for the operator's")
	}
}

func TestCertificateWithWrongFieldIsNotSigned(t *testing.T) {
	key := operator(t)
	good := identity(t, key, Node, "node-1").Certificate
	for name, change := range map[string]func(*Certificate){
		"no id":             func(c *Certificate) { c.ID = "" },
		"long id":           func(c *Certificate) { c.ID = strings.Repeat("n", MaxID+1) },
		"comma in the id":   func(c *Certificate) { c.ID = "a,b" },
		"no role":           func(c *Certificate) { c.Role = 0 },
		"node of no weight": func(c *Certificate) { c.Weight = 0 },
		"huge weight":       func(c *Certificate) { c.Weight = MaxWeight + 1 },
		"route of a weight": func(c *Certificate) { c.Role = Route },
		"short key":         func(c *Certificate) { c.Public = c.Public[1:] },
		"no end":            func(c *Certificate) { c.NotAfter = time.Time{} },
	} {
		c := good
		change(&c)
		if _, err := c.Sign(key); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
}

// Each row changes one thing between the caller and the callee.
func TestProofIsValidForItsRequestOnly(t *testing.T) {
	key := operator(t)
	route := identity(t, key, Route, "route-1")
	node := identity(t, key, Node, "node-1")
	const self = "10.0.0.1:8081"
	body := []byte("a push")
	for name, c := range map[string]struct {
		by     *Identity
		now    time.Time
		callee string
		method string
		path   string
		roles  []Role
		change func(*http.Request)
		want   error
	}{
		"the same":          {},
		"another callee":    {callee: "10.0.0.2:8081", want: ErrSignature},
		"another method":    {method: http.MethodGet, want: ErrSignature},
		"another path":      {path: "/stream", want: ErrSignature},
		"another query":     {path: "/push?a=b", want: ErrSignature},
		"another role":      {by: node, want: ErrRole},
		"another operator":  {by: identity(t, operator(t), Route, "route-1"), want: ErrForeign},
		"one of two roles":  {by: node, roles: []Role{Route, Node}},
		"late":              {now: noon.Add(-ProofLife - time.Second), want: ErrTime},
		"early":             {now: noon.Add(ProofLife + time.Second), want: ErrTime},
		"a little late":     {now: noon.Add(-ProofLife + time.Second)},
		"no proof":          {change: func(r *http.Request) { r.Header.Del(Header) }, want: ErrNone},
		"noise":             {change: func(r *http.Request) { r.Header.Set(Header, "%%%") }, want: ErrMalformed},
		"short":             {change: func(r *http.Request) { r.Header.Set(Header, "AAAA") }, want: ErrMalformed},
		"endless":           {change: func(r *http.Request) { r.Header.Set(Header, strings.Repeat("A", maxProof+1)) }, want: ErrMalformed},
		"one byte appended": {change: func(r *http.Request) { flip(r, func(b []byte) []byte { return append(b, 0) }) }, want: ErrMalformed},
		"changed signature": {change: func(r *http.Request) { flip(r, func(b []byte) []byte { b[len(b)-1] ^= 1; return b }) }, want: ErrSignature},
		"changed role":      {change: func(r *http.Request) { flip(r, func(b []byte) []byte { b[3] = byte(Node); return b }) }, want: ErrForeign},
	} {
		t.Run(name, func(t *testing.T) {
			by, now := route, noon
			if c.by != nil {
				by = c.by
			}
			if !c.now.IsZero() {
				now = c.now
			}
			callee, method, path, roles := self, http.MethodPost, "/push", []Role{Route}
			r := httptest.NewRequest(method, path, nil)
			if c.callee != "" {
				callee = c.callee
			}
			if c.method != "" {
				method = c.method
			}
			if c.path != "" {
				path = c.path
			}
			if c.roles != nil {
				roles = c.roles
			}
			at(by, now).Prove(r.Header, "", callee, method, path, body)
			if c.change != nil {
				c.change(r)
			}
			callees := at(node, noon)
			for range 2 { // the second time the certificate is known
				got, err := callees.Check(r, self, roles...)
				if !errors.Is(err, c.want) {
					t.Fatalf("the error is %v, want %v", err, c.want)
				}
				if c.want == nil && (got.ID != by.ID || !got.Sent(body) || got.Sent([]byte("another push"))) {
					t.Errorf("the caller is %+v", got)
				}
			}
		})
	}
}

func flip(r *http.Request, change func([]byte) []byte) {
	b, _ := base64.RawURLEncoding.DecodeString(r.Header.Get(Header))
	r.Header.Set(Header, base64.RawURLEncoding.EncodeToString(change(b)))
}

func TestCertificateEndsAlsoIfItIsKnown(t *testing.T) {
	key := operator(t)
	now := noon
	callee := NewKeyring(identity(t, key, Node, "node-1"), func() time.Time { return now })
	check := func() error {
		r := httptest.NewRequest(http.MethodGet, "/stream", nil)
		at(identity(t, key, Route, "route-1"), now).Prove(r.Header, "", "a", http.MethodGet, "/stream", nil)
		_, err := callee.Check(r, "a", Route)
		return err
	}
	if err := check(); err != nil {
		t.Fatal(err)
	}
	if now = noon.Add(25 * time.Hour); !errors.Is(check(), ErrExpired) {
		t.Error("an ended certificate is taken")
	}
}

func TestCallerLearnsTheTimeOfTheCallee(t *testing.T) {
	key := operator(t)
	callee := at(identity(t, key, Node, "node-1"), noon)
	caller := at(identity(t, key, Route, "route-1"), noon.Add(-2*time.Hour))
	call := func() (http.Header, error) {
		r := httptest.NewRequest(http.MethodGet, "/stream", nil)
		caller.Prove(r.Header, "http://a", "a", http.MethodGet, "/stream", nil)
		answer := make(http.Header)
		_, err := callee.Check(r, "a", Route)
		if err != nil {
			callee.TellTime(answer)
		}
		return answer, err
	}
	refusal, err := call()
	if !errors.Is(err, ErrTime) {
		t.Fatalf("two hours late: %v", err)
	}
	if !caller.Learn("http://a", refusal) {
		t.Fatal("the caller has nothing to learn")
	}
	if _, err := call(); err != nil {
		t.Errorf("after learning: %v", err)
	}
	if caller.Learn("http://a", refusal) {
		t.Error("the caller would repeat the request without an end")
	}
	if caller.Learn("http://b", make(http.Header)) {
		t.Error("the caller learns from an answer without a time")
	}
}

func TestRecordNamesItsSigner(t *testing.T) {
	key := operator(t)
	node := identity(t, key, Node, "node-1")
	text := []byte("a member")
	signed := at(node, noon).SignRecord(text)
	reader := identity(t, key, Route, "route-1")
	for name, c := range map[string]struct {
		signature, text []byte
		now             time.Time
		want            error
	}{
		"the same":         {signed, text, noon, nil},
		"nearly too late":  {signed, text, noon.Add(RecordLife - time.Second), nil},
		"expired":          {signed, text, noon.Add(RecordLife + time.Second), ErrTime},
		"of the future":    {signed, text, noon.Add(-RecordLife - time.Second), ErrTime},
		"another member":   {signed, []byte("another"), noon, ErrSignature},
		"none":             {nil, text, noon, ErrNone},
		"of a route":       {at(reader, noon).SignRecord(text), text, noon, ErrRole},
		"cut":              {signed[:len(signed)-1], text, noon, ErrMalformed},
		"unknown operator": {at(identity(t, operator(t), Node, "node-1"), noon).SignRecord(text), text, noon, ErrForeign},
	} {
		got, err := at(reader, c.now).CheckRecord(c.signature, c.text)
		if !errors.Is(err, c.want) || err == nil && (got.ID != "node-1" || got.Weight != 4) {
			t.Errorf("%s: %+v, %v; want %v", name, got, err, c.want)
		}
	}
	elsewhen := at(reader, noon.Add(12*time.Hour))
	if _, err := elsewhen.CheckRecord(signed, text, noon); err != nil {
		t.Errorf("timely by another clock: %v", err)
	}
	if c, err := elsewhen.CheckRecord(signed, text, noon.Add(-2*time.Hour)); !errors.Is(err, ErrTime) || c.ID != "node-1" {
		t.Errorf("timely by no clock: %+v, %v", c, err)
	}
	// The time is a part of what is signed.
	late := bytes.Clone(signed)
	late[len(late)-recordRest+7]++
	if _, err := at(reader, noon).CheckRecord(late, text); !errors.Is(err, ErrSignature) {
		t.Errorf("a changed time: %v", err)
	}
}

func FuzzCheck(f *testing.F) {
	key := operator(f)
	route, node := identity(f, key, Route, "route-1"), at(identity(f, key, Node, "node-1"), noon)
	r := httptest.NewRequest(http.MethodGet, "/stream", nil)
	at(route, noon).Prove(r.Header, "", "a", http.MethodGet, "/stream", nil)
	valid := r.Header.Get(Header)
	f.Add(valid)
	f.Add("")
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		r := httptest.NewRequest(http.MethodGet, "/stream", nil)
		r.Header.Set(Header, text)
		if _, err := node.Check(r, "a", Route); err == nil && !sameBytes(text, valid) {
			t.Errorf("%q passes for a proof", text)
		}
	})
}

// sameBytes reports whether two texts have the same bytes in base64, which ignores line
// ends and the last bits.
func sameBytes(a, b string) bool {
	x, err1 := base64.RawURLEncoding.DecodeString(a)
	y, err2 := base64.RawURLEncoding.DecodeString(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

func FuzzParseIdentity(f *testing.F) {
	i := identity(f, operator(f), Node, "node-1")
	f.Add(i.PEM())
	f.Add([]byte("-----BEGIN CIM CERTIFICATE-----\n-----END CIM CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if read, err := ParseIdentity(text, noon); err == nil && read.Check() != nil {
			t.Errorf("a wrong certificate was read: %v", read.Check())
		}
	})
}

// BenchmarkCheck is what a callee pays once for a stream, and for each plain request.
func BenchmarkCheck(b *testing.B) {
	key := operator(b)
	node := at(identity(b, key, Node, "node-1"), noon)
	r := httptest.NewRequest(http.MethodGet, "/stream", nil)
	at(identity(b, key, Route, "route-1"), noon).Prove(r.Header, "", "a", http.MethodGet, "/stream", nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := node.Check(r, "a", Route); err != nil {
			b.Fatal(err)
		}
	}
}
