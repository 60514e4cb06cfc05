package identity

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cim-go/cim/proto"
)

const (
	// hashPatience is how long a password waits for its turn. A client waits for 10 s
	// in all, and a login may have spent 5 s in the queue of the limiter already.
	hashPatience = 4 * time.Second
	// mostWaiting is how many passwords may wait in each lane. If hashing takes 25 ms,
	// one core gives 160 of them a turn within hashPatience.
	mostWaiting = 256
	// knownInRow is how many passwords from known addresses may get turns in a row
	// while a password from a strange address waits. So a user who logs in again and
	// again cannot lock out strangers.
	knownInRow = 3
	// restFactor sets how long strange addresses rest after a wrong password. It is a
	// multiple of the time that hashing took. So callers who guess keep a quarter of the
	// hashing cores busy.
	restFactor = 3
	// longestRest bounds how long the answer to a wrong password waits. To hash a password
	// takes some 25 ms, and longer on a busy machine.
	longestRest = time.Second
)

// errNoTurn is the error for a password that is not hashed because too many wait.
var errNoTurn = proto.Err(proto.Overloaded, "")

// turns decides which password is hashed next. It has two lanes. The first lane is for
// known addresses, from which somebody has logged in to the account before. The other lane
// is for strange addresses.
//
// In a lane, the password with the lowest level is next. Of passwords with the same
// level, the one that came first is next. In the lane of strange addresses, the level is
// how many wrong passwords count against the address, plus how many other passwords from
// that address wait or are being hashed. So callers who guess passwords wait behind all
// others, and 64 passwords from one address get no more turns than one password from
// another address. In the lane of known addresses, the level is how many other passwords
// for the account wait or are being hashed. If a lane is full, its last password is
// refused.
//
// After a wrong password from a strange address, strange addresses rest for three times as
// long as hashing took. So callers who guess keep at most a quarter of the hashing cores
// busy. Known addresses get their turns meanwhile.
//
// turns has no goroutine. It is safe for concurrent use.
type turns struct {
	cores int

	mu      sync.Mutex
	running int // cores in use
	resting int // cores that strange addresses may not use yet, see rest
	row     int // how many turns in a row known addresses had while strange ones waited
	known   []*waiter
	others  []*waiter
	present map[party]int // how many passwords of a party wait or are being hashed
}

// party is the key by which passwords are counted: the account in the lane of known
// addresses, and the address in the other lane.
type party struct {
	known bool
	name  string
}

// claim has everything that decides the place of a password in its lane.
type claim struct {
	party
	level int
	cores int // how many cores hashing takes; zero: one
}

type waiter struct {
	claim
	turn chan bool // gets true for a turn, false for a refusal; has a buffer of one
}

func newTurns(cores int) *turns { return &turns{cores: cores, present: make(map[party]int)} }

// enter blocks until the password has its turn, for 4 s at most. If enter returns nil, the
// caller must call leave with the same claim. The error is errNoTurn, or the error of ctx.
func (t *turns) enter(ctx context.Context, c claim) error {
	w := t.queue(c)
	timer := time.NewTimer(hashPatience)
	defer timer.Stop()
	select {
	case ok := <-w.turn:
		return t.verdict(c, ok)
	case <-timer.C:
		return t.abandon(w, errNoTurn)
	case <-ctx.Done():
		return t.abandon(w, ctx.Err())
	}
}

func (t *turns) verdict(c claim, ok bool) error {
	if ok {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.goneLocked(c)
	return errNoTurn
}

// abandon removes w from its lane and returns err. If w got its turn or its refusal
// meanwhile, abandon returns that outcome instead.
func (t *turns) abandon(w *waiter, err error) error {
	t.mu.Lock()
	lane := t.laneOf(w.known)
	i := slices.Index(*lane, w)
	if i >= 0 {
		*lane = slices.Delete(*lane, i, i+1)
		t.goneLocked(w.claim)
		t.nextLocked()
	}
	t.mu.Unlock()
	if i >= 0 {
		return err
	}
	return t.verdict(w.claim, <-w.turn)
}

// queue puts a password into its lane, and gives out free turns.
func (t *turns) queue(c claim) *waiter {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.cores = t.coresOf(c)
	c.level += t.present[c.party]
	t.present[c.party]++
	w := &waiter{claim: c, turn: make(chan bool, 1)}
	lane := t.laneOf(c.known)
	i := slices.IndexFunc(*lane, func(o *waiter) bool { return o.level > c.level })
	if i < 0 {
		i = len(*lane)
	}
	*lane = slices.Insert(*lane, i, w)
	t.nextLocked()
	if last := len(*lane) - 1; last >= mostWaiting {
		(*lane)[last].turn <- false
		*lane = slices.Delete(*lane, last, last+1)
	}
	return w
}

// leave ends a turn.
func (t *turns) leave(c claim) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running -= t.coresOf(c)
	t.goneLocked(c)
	t.nextLocked()
}

// rest keeps the cores of a turn that has ended from strange addresses. The parameter took
// is how long the password was hashed. It blocks for restFactor times as long, and
// longestRest at most, or until ctx ends.
func (t *turns) rest(ctx context.Context, c claim, took time.Duration) {
	t.restOn(t.coresOf(c))
	defer t.restOn(-t.coresOf(c))
	timer := time.NewTimer(min(restFactor*took, longestRest))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (t *turns) restOn(cores int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.resting += cores
	t.nextLocked()
}

// coresOf returns how many cores a turn takes.
func (t *turns) coresOf(c claim) int { return max(1, min(c.cores, t.cores)) }

func (t *turns) goneLocked(c claim) {
	if t.present[c.party]--; t.present[c.party] == 0 {
		delete(t.present, c.party)
	}
}

func (t *turns) laneOf(known bool) *[]*waiter {
	if known {
		return &t.known
	}
	return &t.others
}

// nextLocked gives out turns while there are enough free cores for the next password.
func (t *turns) nextLocked() {
	for {
		strange := len(t.others) > 0 && t.running+t.resting+t.others[0].cores <= t.cores
		known := len(t.known) > 0 && (t.row < knownInRow || !strange)
		lane := t.laneOf(known)
		if !known && !strange || known && t.running+t.known[0].cores > t.cores {
			return
		}
		w := (*lane)[0]
		t.running += w.cores
		*lane = slices.Delete(*lane, 0, 1)
		if t.row++; !known || len(t.others) == 0 {
			t.row = 0
		}
		w.turn <- true
	}
}

// waiting returns how many passwords wait.
func (t *turns) waiting() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.known) + len(t.others)
}
