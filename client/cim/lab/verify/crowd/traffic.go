package crowd

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
)

// The shares of the kinds of messages that a device sends, in percent of its orders.
const (
	toEveryone = 8
	toGroups   = 30
	outsiders  = 4  // percent of the messages to groups whose sender is no member, so that they are refused
	changes    = 3  // these are no messages: the user joins a group or leaves it
	bursts     = 10 // many messages at once, without waiting for an answer
	impatient  = 6  // gives up soon, and half of those send it again
	floods     = 1  // to one user, more bytes than a node keeps for a slow reader
	longTexts  = 4
	delayed    = 8  // the servers send it later; never to groups
	takenBack  = 35 // percent of the delayed messages that their senders cancel, some of them too late
)

const (
	flood       = 30
	floodText   = 14 << 10 // bytes; a node keeps 256 KiB for a connection
	mostBurst   = 20
	longestText = 6 << 10 // bytes
	usualText   = 160
	patience    = 1500 * time.Millisecond // how long impatient senders wait at most

	shortestDelay = 200 * time.Millisecond
	longestDelay  = 9 * time.Second
)

// order is what a device is to send next.
type order struct {
	wait     time.Duration // pause since the previous order
	peer     int           // index of the receiver; -1: everyone
	group    int           // index of the group that receives it or changes; -1: none
	change   string        // ledger.Join or ledger.Leave; empty: texts are to be sent
	ward     int           // index of the user whose membership changes; -1: the sender
	texts    []string
	patience time.Duration // zero: wait for the answer as long as it takes
	again    bool          // send it again after giving up
	delay    time.Duration // zero: sent at once
	takeBack time.Duration // cancel it after this time; zero: do not
}

// peerSteps has the distances in the crowd from a user to the peers of that user. There
// are only a few peers, so each conversation has many messages whose order can go wrong.
var peerSteps = []int{1, 2, 7, 31}

// orders draws the orders of one device at random.
type orders struct {
	rng   *rand.Rand
	pace  time.Duration // mean time between two messages
	peers []int         // users to whom it writes
	user  int           // index
	name  string        // begins every text

	changes bool         // this device makes its user join and leave groups
	groups  []int        // groups to which the user belongs, or which the user may join
	in      map[int]bool // groups to which the user belongs now, as far as this device knows
	count   int          // how many texts were drawn so far

	wards  []ward // whom this user adds and removes, as the group's creator
	belong map[ward]bool
}

// ward is a user whom only the maker of a group adds and removes. Both fields are
// indexes.
type ward struct{ group, user int }

// newOrders returns the orders of the device at a place of the crowd. The parameter user
// is the index of the device's user, and users is how many users there are. The same
// arguments give the same orders.
func newOrders(seed uint64, place, user, users int, pace time.Duration) *orders {
	o := &orders{
		rng: rand.New(rand.NewPCG(seed, uint64(place))), pace: pace, user: user, name: fmt.Sprintf("%d", place),
		in: make(map[int]bool), belong: make(map[ward]bool),
	}
	for _, step := range peerSteps {
		if peer := (user + step) % users; peer != user {
			o.peers = append(o.peers, peer)
		}
	}
	return o
}

// meet passes the groups to the orders. If the parameter changes is true, the device also
// makes its user join and leave groups.
func (o *orders) meet(circles []circle, changes bool) {
	o.changes = changes
	for i, c := range circles {
		member := slices.Contains(c.members, o.user)
		if member || slices.Contains(c.guests, o.user) {
			o.groups = append(o.groups, i)
			o.in[i] = member
		}
	}
}

// made tells the orders which groups the user has made. The maker of a group is its first
// member.
func (o *orders) made(circles []circle) {
	for i, c := range circles {
		if c.maker() != o.user {
			continue
		}
		for _, user := range c.wards {
			o.wards = append(o.wards, ward{i, user})
		}
	}
}

// next draws what the user does next. The draws come in a fixed order, so that a seed
// stands for one sequence of orders.
func (o *orders) next() order {
	if o.changes && len(o.groups) > 0 && o.percent(changes) {
		return o.nextChange()
	}
	if wards := o.ownWards(); len(wards) > 0 && o.percent(changes) {
		return o.nextWard(wards)
	}
	n, flooding := 1, o.percent(floods)
	switch {
	case flooding:
		n = flood
	case o.percent(bursts):
		n = 2 + o.rng.IntN(mostBurst-1)
	}
	next := order{wait: time.Duration(o.rng.ExpFloat64() * float64(o.pace) * float64(n)), peer: -1, group: -1}
	o.address(&next, flooding)
	if n == 1 {
		o.temper(&next)
	}
	for range n {
		if flooding {
			next.texts = append(next.texts, o.text(floodText))
		} else {
			next.texts = append(next.texts, o.text(o.length()))
		}
	}
	return next
}

// address draws the receiver of the order next. The receiver is a group, a peer, or
// everyone.
func (o *orders) address(next *order, flooding bool) {
	if !flooding && o.percent(toGroups) {
		next.group = o.pickGroup(!o.percent(outsiders))
	}
	if next.group < 0 && (flooding || !o.percent(toEveryone)) {
		next.peer = o.peers[o.rng.IntN(len(o.peers))]
	}
}

// temper draws whether a single message is delayed (and perhaps cancelled), or whether
// its sender is impatient.
func (o *orders) temper(next *order) {
	switch {
	case next.group < 0 && o.percent(delayed):
		next.delay = shortestDelay + time.Duration(o.rng.Int64N(int64(longestDelay-shortestDelay)))
		if o.percent(takenBack) {
			next.takeBack = 1 + time.Duration(o.rng.Int64N(int64(next.delay)*5/4)) // sometimes this is too late
		}
	case o.percent(impatient):
		next.patience = time.Duration(1 + o.rng.Int64N(int64(patience)))
		next.again = o.percent(50)
	}
}

// nextChange returns an order to join or leave one of the user's groups.
func (o *orders) nextChange() order {
	group := o.groups[o.rng.IntN(len(o.groups))]
	next := order{wait: time.Duration(o.rng.ExpFloat64() * float64(o.pace)), peer: -1, group: group, change: ledger.Join, ward: -1}
	if o.in[group] {
		next.change = ledger.Leave
	}
	o.in[group] = !o.in[group]
	return next
}

// ownWards returns the wards of groups to which the user belongs. A user who has left a
// group has no rights in it, even its maker.
func (o *orders) ownWards() (list []ward) {
	for _, w := range o.wards {
		if o.in[w.group] {
			list = append(list, w)
		}
	}
	return list
}

// nextWard returns an order to add or remove one of the wards.
func (o *orders) nextWard(wards []ward) order {
	w := wards[o.rng.IntN(len(wards))]
	next := order{wait: time.Duration(o.rng.ExpFloat64() * float64(o.pace)), peer: -1, group: w.group, change: ledger.Join, ward: w.user}
	if o.belong[w] {
		next.change = ledger.Leave
	}
	o.belong[w] = !o.belong[w]
	return next
}

// If the parameter in is true, pickGroup returns a group to which the user belongs. If in
// is false, it returns a group that the user may join. It returns -1 if there is no such
// group.
func (o *orders) pickGroup(in bool) int {
	var list []int
	for _, group := range o.groups {
		if o.in[group] == in {
			list = append(list, group)
		}
	}
	if len(list) == 0 {
		return -1
	}
	return list[o.rng.IntN(len(list))]
}

func (o *orders) percent(p int) bool { return o.rng.IntN(100) < p }

func (o *orders) length() int {
	if o.percent(longTexts) {
		return o.rng.IntN(longestText)
	}
	return o.rng.IntN(usualText)
}

// text returns a new text. No other device sends the same one, and this device sends it
// only once.
func (o *orders) text(length int) string {
	o.count++
	return fmt.Sprintf("%s.%d %s", o.name, o.count, strings.Repeat(string(rune('a'+o.rng.IntN(26))), length))
}
