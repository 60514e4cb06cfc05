package roster

import (
	"errors"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/cert"
	"github.com/cim-go/cim/ring"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// cluster makes the keys of a cluster whose clock it holds.
type cluster struct {
	t    *testing.T
	now  time.Time
	ring func(role cert.Role, id string) *cert.Keyring
}

func newCluster(t *testing.T) *cluster {
	key, err := cert.NewOperator()
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, now: noon}
	c.ring = func(role cert.Role, id string) *cert.Keyring {
		of := cert.Certificate{Role: role, ID: id, NotAfter: noon.Add(24 * time.Hour)}
		if role == cert.Node {
			of.Weight = 4
		}
		i, err := cert.NewIdentity(of, key)
		if err != nil {
			t.Fatal(err)
		}
		return cert.NewKeyring(i, c.clock)
	}
	return c
}

func (c *cluster) clock() time.Time { return c.now }

func (c *cluster) roster(unsigned bool) *Roster {
	return New(Config{Keys: c.ring(cert.Route, "route-1"), Unsigned: unsigned, Now: c.clock})
}

// member returns a member that the node id has signed.
func (c *cluster) member(id string) ring.Member {
	return c.sign(id, unsigned(id))
}

func (c *cluster) sign(by string, m ring.Member) ring.Member {
	m.Signed = string(c.ring(cert.Node, by).SignRecord(m.Identity()))
	return m
}

func unsigned(id string) ring.Member {
	return ring.Member{ID: id, Boot: 1, Client: "10.0.0.1:1", HTTP: "10.0.0.1:2", Weight: 4, State: ring.Serving}
}

func TestOnlyCertifiedMembersAreAdmitted(t *testing.T) {
	c := newCluster(t)
	stranger := newCluster(t).member("node-1")
	heavy := unsigned("node-1")
	heavy.Weight = 5
	moved := c.member("node-1")
	moved.HTTP = "10.0.0.9:2"
	loaded := c.member("node-1")
	loaded.Load, loaded.State = 7, ring.Draining
	for name, row := range map[string]struct {
		member   ring.Member
		unsigned bool
		later    time.Duration
		want     error
	}{
		"certified":                     {member: c.member("node-1")},
		"certified, with a load":        {member: loaded},
		"unsigned":                      {member: unsigned("node-1"), want: cert.ErrNone},
		"unsigned, which is accepted":   {member: unsigned("node-1"), unsigned: true},
		"of another operator":           {member: stranger, want: cert.ErrForeign},
		"under another node's id":       {member: c.sign("node-2", unsigned("node-1")), want: ErrBounds},
		"heavier than its certificate":  {member: c.sign("node-1", heavy), want: ErrBounds},
		"at an address it did not sign": {member: moved, want: cert.ErrSignature},
		"an hour old":                   {member: c.member("node-1"), later: cert.RecordLife + time.Second, want: cert.ErrTime},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.roster(row.unsigned)
			defer func() { c.now = noon }()
			for range 2 { // the second time the signature is known
				c.now = noon
				if row.later > 0 {
					if err := r.Admit(row.member); err != nil {
						t.Fatalf("it is not admitted while it is fresh: %v", err)
					}
					c.now = noon.Add(row.later)
				}
				if err := r.Admit(row.member); !errors.Is(err, row.want) {
					t.Fatalf("admitted with %v, want %v", err, row.want)
				}
			}
		})
	}
}

// A signature that was checked is not taken for another member.
func TestKnownSignatureProvesItsOwnMemberOnly(t *testing.T) {
	c := newCluster(t)
	r, m := c.roster(false), c.member("node-1")
	if err := r.Admit(m); err != nil {
		t.Fatal(err)
	}
	m.Client = "10.0.0.66:1"
	if err := r.Admit(m); !errors.Is(err, cert.ErrSignature) {
		t.Errorf("a changed member: %v", err)
	}
}

func TestViewLosesMembersWhoseSignatureExpires(t *testing.T) {
	c := newCluster(t)
	r := c.roster(false)
	all := ring.NewView([]ring.Member{c.member("node-1"), unsigned("node-2")})
	first := r.View(all)
	if got := first.Members(); len(got) != 1 || got[0].ID != "node-1" {
		t.Fatalf("admitted are %v", got)
	}
	if r.View(all) != first {
		t.Error("the same view was made anew")
	}
	c.now = noon.Add(cert.RecordLife + time.Minute)
	if got := r.View(all).Members(); len(got) != 0 {
		t.Errorf("an hour later %v is admitted", got)
	}
}

func TestOriginIsAMemberOrWasLately(t *testing.T) {
	c := newCluster(t)
	r := c.roster(false)
	r.since = c.clock
	with, without := ring.NewView([]ring.Member{c.member("node-1")}), ring.NewView(nil)
	node := func(change func(*proto.Origin)) *proto.Origin {
		o := &proto.Origin{Node: "node-1", Boot: 1, Address: "10.0.0.1:2"}
		if change != nil {
			change(o)
		}
		return o
	}
	check := func(name string, o *proto.Origin, view *ring.View, want error) {
		t.Helper()
		if err := r.Origin(o, view); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	check("never seen", node(nil), without, ErrNoMember)
	check("another address", node(func(o *proto.Origin) { o.Address = "10.0.0.6:2" }), with, ErrNoMember)
	check("another boot", node(func(o *proto.Origin) { o.Boot = 2 }), with, ErrNoMember)
	check("another id", node(func(o *proto.Origin) { o.Node = "node-9" }), with, ErrNoMember)
	check("a member", node(nil), with, nil)
	check("lost by the others", node(nil), without, nil)
	check("another address after that", node(func(o *proto.Origin) { o.Address = "10.0.0.6:2" }), without, ErrNoMember)
	c.now = noon.Add(rememberOrigin + time.Second)
	check("lost an hour ago", node(nil), without, ErrNoMember)
}

// A member whose signature is late by the route's clock is admitted if it is timely by the
// store's. If it is late by both, the route knows it, and gives it no users.
func TestWrongClockOfARouteExcludesNoNode(t *testing.T) {
	c := newCluster(t)
	r, m := c.roster(false), c.member("node-1")
	store := noon
	c.now = noon.Add(12 * time.Hour) // within the certificate
	r.UseStore(func() (int64, bool) { return store.UnixMilli(), true })
	if err := r.Admit(m); err != nil {
		t.Errorf("timely by the store's clock: %v", err)
	}
	store, c.now = c.now, c.now.Add(2*recheck)
	if err := r.Admit(m); !errors.Is(err, cert.ErrTime) {
		t.Errorf("late by both clocks: %v", err)
	}
	if err := r.Known(m); err != nil {
		t.Errorf("a late member is not known: %v", err)
	}
	if err := r.Known(unsigned("node-1")); !errors.Is(err, cert.ErrNone) {
		t.Errorf("an unsigned member: %v", err)
	}
}
