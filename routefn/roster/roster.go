// Package roster decides, from the certificates of nodes, to which nodes a route sends
// users, and from which it accepts requests. A process that has only the cluster key can
// be a member of gossip, but gets nothing from a route.
//
// A Roster has no goroutine. Its mutex guards what it remembers. While the mutex is held,
// only the ring package is called.
package roster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/cert"
	"github.com/cim-go/cim/ring"
)

const (
	// recheck is the time after which the members of a view are checked again, even if
	// the view is the same, because their signatures expire.
	recheck = time.Minute
	// rememberOrigin is how long requests of a node are accepted after it stopped being a
	// member. The other members may have lost the node in a network split, while its users
	// are still connected.
	rememberOrigin = time.Hour
	mostKnown      = 4096 // signatures and origins that are remembered
)

// The errors of Admit and Origin. Admit also returns errors of cert.Keyring.CheckRecord.
var (
	// ErrBounds means that a member has another id or a larger weight than its certificate.
	ErrBounds = errors.New("member exceeds its certificate")
	// ErrNoMember means that there is no member with the boot and the address of the
	// caller.
	ErrNoMember = errors.New("caller is no member")
)

// Config configures a Roster.
type Config struct {
	Keys     *cert.Keyring    // required
	Unsigned bool             // admit members without a signature, while nodes without a certificate are replaced
	Now      func() time.Time // the clock of the process
}

// Roster decides about members. Make it with New. It is safe for concurrent use.
type Roster struct {
	cfg Config

	mu      sync.Mutex
	store   func() (ms int64, ok bool) // the store's clock, or nil
	known   map[string]verified        // by signature
	origins map[origin]time.Time
	since   func() time.Time // time.Now, except in tests
	table   *ring.Table      // makes the views of View
	of      *ring.View       // the last argument of View; nil: there was none
	judged  time.Time        // when the members of that view were checked
}

// verified is a signature that was checked.
type verified struct {
	identity string // what was signed
	by       cert.Certificate
	at       time.Time
}

type origin struct {
	node, address string
	boot          uint64
}

// New returns a Roster.
func New(c Config) *Roster {
	return &Roster{since: time.Now, cfg: c, known: make(map[string]verified), origins: make(map[origin]time.Time), table: ring.NewTable()}
}

// UseStore makes the Roster use the store's clock, too. A signature is then valid in time
// if it is valid by either clock. So no node is excluded because the clock of this process
// is wrong. The function clock returns the time in ms since 1970, and whether it is known.
func (r *Roster) UseStore(clock func() (ms int64, ok bool)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.store = clock
}

// Admit returns nil if a member may get users. If not, it returns the reason. Errors wrap
// ErrBounds or those of cert.Keyring.CheckRecord.
func (r *Roster) Admit(m ring.Member) error {
	if m.Signed == "" && r.cfg.Unsigned {
		return nil
	}
	by, err := r.verify(m)
	if err != nil {
		return err
	}
	return bounded(m, by)
}

// Known does what Admit does, but accepts a signature with any time. The signature may
// be old, or the clock of its node may be wrong.
func (r *Roster) Known(m ring.Member) error {
	if m.Signed == "" && r.cfg.Unsigned {
		return nil
	}
	by, err := r.verify(m)
	if err != nil && !errors.Is(err, cert.ErrTime) {
		return err
	}
	return bounded(m, by)
}

func bounded(m ring.Member, by cert.Certificate) error {
	switch {
	case by.ID != m.ID:
		return fmt.Errorf("%w: id %s", ErrBounds, by.ID)
	case m.Weight > by.Weight:
		return fmt.Errorf("%w: weight %d of at most %d", ErrBounds, m.Weight, by.Weight)
	}
	return nil
}

// verify returns the certificate that signed the member. A signature that was checked
// within recheck is not checked again.
func (r *Roster) verify(m ring.Member) (cert.Certificate, error) {
	identity, now := string(m.Identity()), r.cfg.Now()
	r.mu.Lock()
	v, ok := r.known[m.Signed]
	clock := r.store
	r.mu.Unlock()
	if ok && v.identity == identity && now.Sub(v.at).Abs() < recheck {
		return v.by, nil
	}
	var others []time.Time
	if clock != nil {
		if ms, ok := clock(); ok {
			others = append(others, time.UnixMilli(ms))
		}
	}
	by, err := r.cfg.Keys.CheckRecord([]byte(m.Signed), []byte(identity), others...)
	if err != nil {
		return by, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= mostKnown {
		clear(r.known)
	}
	r.known[m.Signed] = verified{identity, by, now}
	return by, nil
}

// Only returns a source of members. It returns only those members of the given source that
// the roster admits. A nil Roster admits all.
func (r *Roster) Only(members func(context.Context) (*ring.View, error)) func(context.Context) (*ring.View, error) {
	if r == nil {
		return members
	}
	return func(ctx context.Context) (*ring.View, error) {
		view, err := members(ctx)
		if err != nil {
			return nil, err
		}
		return r.View(view), nil
	}
}

// View returns the view without the members that Admit refuses.
func (r *Roster) View(all *ring.View) *ring.View {
	now := r.cfg.Now()
	r.mu.Lock()
	same := r.of == all && now.Sub(r.judged).Abs() < recheck
	r.mu.Unlock()
	if same {
		return r.table.Current()
	}
	members := slices.DeleteFunc(slices.Clone(all.Members()), func(m ring.Member) bool { return r.Admit(m) != nil })
	r.mu.Lock()
	defer r.mu.Unlock()
	r.table.Set(members)
	r.of, r.judged = all, now
	return r.table.Current()
}

// Origin checks the node of a request, which has proved its id. The node must be a member
// in the view, with its boot and its address. If it is not, the error wraps ErrNoMember. A
// node that was a member within the time rememberOrigin is accepted, too. The view may
// have members that Admit refuses.
func (r *Roster) Origin(o *proto.Origin, view *ring.View) error {
	now, key := r.since(), origin{o.GetNode(), o.GetAddress(), o.GetBoot()}
	m, ok := view.Member(key.node)
	r.mu.Lock()
	defer r.mu.Unlock()
	if ok && m.HTTP == key.address && m.Boot == key.boot {
		if _, again := r.origins[key]; !again && len(r.origins) >= mostKnown {
			clear(r.origins)
		}
		r.origins[key] = now
		return nil
	}
	if last, was := r.origins[key]; was && now.Sub(last).Abs() < rememberOrigin {
		return nil
	}
	return fmt.Errorf("%w: %s at %s", ErrNoMember, key.node, key.address)
}
