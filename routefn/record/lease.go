package record

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/proto"
)

// leaseTime is how long a group's messages are pushed to a node after it entered. Nodes
// renew within 30 s.
const leaseTime = 2 * time.Minute

// joinedField is the field of a group's hash with the time of the latest joining, in ms
// of the store's clock. See append.lua.
const joinedField = "joined"

// EnterNode gives a node a lease of groups, so that their messages are pushed to it for
// two minutes. It returns each group's newest position, and which of the given users
// are members. Each message is either at or before that position, or is pushed to the
// node.
//
// It first looks up the memberships, which costs 1 us of Redis per group. If none of
// the users is a member of a group, it answers ErrNotMember and writes nothing. So
// nothing is pushed to a node without members. The group of everyone has all users as
// members. It also writes nothing for a group that the node already holds
// (Entering.Known). For each other group it runs one transaction (4 to 7 us), which
// writes the lease and reads the answer.
func (s *Store) EnterNode(ctx context.Context, lease Lease, groups []Entering) []Entered {
	answers := make([]Entered, len(groups))
	if err := checkNames(lease.Node, lease.Addr); err != nil {
		return explain(answers, lease, groups, err)
	}
	looks := make([]*op, len(groups))
	for i, g := range groups {
		looks[i] = g.look()
	}
	clocks := s.runTimed(ctx, "look", looks)
	var ops []*op
	var of []int
	for i, g := range groups {
		var enough bool
		if answers[i], enough = g.judge(looks[i]); enough {
			continue
		}
		if answers[i].Err = clocks[i].err; answers[i].Err != nil {
			continue
		}
		o := g.enter(lease, clockMs(clocks[i].reply[0]))
		if g.Group == proto.Everyone { // newcomers may begin at the number that is answered
			o.steps = append(o.steps, []any{"hset", o.key, joinedField, clockMs(clocks[i].reply[0])})
		}
		ops, of = append(ops, o), append(of, i)
	}
	s.run(ctx, "enter", ops...)
	for j, o := range ops {
		g := groups[of[j]]
		if g.Group == proto.Everyone && g.lost(o) {
			s.enterMade(ctx, o)
		}
		answers[of[j]] = g.entered(o)
	}
	s.tellEntered(ctx, groups, answers)
	return explain(answers, lease, groups, nil)
}

// tellEntered checks that replicas have the newest positions before they are returned,
// see tell. Positions that came from the node itself (Held) are not checked.
func (s *Store) tellEntered(ctx context.Context, groups []Entering, answers []Entered) {
	var list []telling
	for i := range answers {
		if e := &answers[i]; e.Err == nil && !e.Held {
			list = append(list, telling{groups[i].log(), &e.Newest, &e.Err})
		}
	}
	s.tell(ctx, list)
}

// enterMade makes the log of everyone, if it does not exist yet, and repeats the
// entering.
func (s *Store) enterMade(ctx context.Context, o *op) {
	if o.err = s.makeLogs(ctx, []logRef{{group: proto.Everyone}}, true)[0]; o.err == nil {
		s.run(ctx, "enter", o)
	}
}

// explain wraps each error with what was tried. If err is not nil, it becomes the error
// of all answers.
func explain(answers []Entered, lease Lease, groups []Entering, err error) []Entered {
	for i := range answers {
		if err != nil {
			answers[i].Err = err
		}
		if answers[i].Err != nil {
			answers[i].Err = fmt.Errorf("enter node %s for group %d: %w", lease.Node, groups[i].Group, answers[i].Err)
		}
	}
	return answers
}

func (g Entering) log() logRef { return logRef{group: g.Group} }

// fields are those of the group's hash that entering reads: epoch, base, and the
// membership of each user.
func (g Entering) fields() []any {
	step := make([]any, 0, 4+len(g.Users))
	step = append(step, "hmget", g.log().hash(), "epoch", "base")
	for _, user := range g.Users {
		step = append(step, memberField(user))
	}
	return step
}

// look returns an op that reads which users belong to the group. All belong to
// everyone.
func (g Entering) look() *op { return readOf(g.log().hash(), g.fields()) }

// judge reads the answer to look. enough is true if the group need not be entered.
func (g Entering) judge(o *op) (e Entered, enough bool) {
	if o.err != nil {
		return Entered{Err: o.err}, true
	}
	head, _ := o.reply[0].([]any)
	epoch, joined := g.members(head)
	switch {
	case g.Group == proto.Everyone:
		return Entered{}, false
	case epoch == 0:
		return Entered{Err: ErrNoGroup}, true
	}
	last := int64(0)
	for _, number := range joined {
		last = max(last, number)
	}
	if last == 0 {
		return Entered{Err: ErrNotMember}, true
	}
	// A user who joined behind the node's position must not be shown the entries
	// between. So the transaction is needed, which answers with a position that
	// includes the joining.
	if g.Known.Number > 0 && g.Known.Epoch == epoch && last <= g.Known.Number {
		return Entered{Newest: g.Known, Joined: joined, Held: true}, true
	}
	return Entered{}, false
}

// members reads the epoch, which is zero if there is no log. For each user it reads
// the number by which they joined, which is zero if they are no member.
func (g Entering) members(head []any) (epoch proto.Epoch, joined []int64) {
	if len(head) != 2+len(g.Users) {
		return 0, nil
	}
	joined = make([]int64, len(g.Users))
	for i := range g.Users {
		joined[i] = joinedAt(text(head[2+i]))
	}
	return parseEpoch(text(head[0])), joined
}

// enter returns the transaction that enters the node, at a time in ms of the store's
// clock. It writes the lease first. So entries after it are pushed to the node, and
// entries before it are within the number that is read.
func (g Entering) enter(lease Lease, now int64) *op {
	l := g.log()
	return writeTo(l.hash(),
		[]any{"hset", l.leases(), noNode, "", lease.Node, leaseValue(lease, now+leaseTime.Milliseconds())},
		g.fields(),
		[]any{"llen", l.list()},
		[]any{"lindex", l.list(), -1})
}

func leaseValue(l Lease, end int64) string {
	return bootText(l.Boot) + "\t" + l.Addr + "\t" + strconv.FormatInt(end, 10)
}

// lost reports whether the group's log did not exist.
func (g Entering) lost(o *op) bool {
	if o.err != nil {
		return false
	}
	head, _ := o.reply[1].([]any)
	epoch, _ := g.members(head)
	return epoch == 0 || integer(o.reply[2]) == 0
}

// entered reads the answer to enter.
func (g Entering) entered(o *op) Entered {
	switch {
	case o.err != nil:
		return Entered{Err: o.err}
	case g.lost(o) && g.log().closed():
		return Entered{Err: ErrNoGroup}
	case g.lost(o): // it was made a moment ago: a failover is going on
		return Entered{Err: fmt.Errorf("log of %s was lost: %w", g.log().tag(), ErrUnavailable)}
	}
	head, _ := o.reply[1].([]any)
	epoch, joined := g.members(head)
	return Entered{
		Newest: g.log().position(epoch, integer(head[1])+integer(o.reply[2]), keyOf(text(o.reply[3]))),
		Joined: joined,
	}
}

// RenewNode renews the leases that a node has, for two minutes, and returns the
// newest positions. Err is ErrNotMember if the node has no lease of a group, or
// ErrNoGroup. Expired leases of other nodes are removed.
func (s *Store) RenewNode(ctx context.Context, lease Lease, groups []int64) []Entered {
	answers := make([]Entered, len(groups))
	entering, looks := make([]Entering, len(groups)), make([]*op, len(groups))
	for i, group := range groups {
		entering[i] = Entering{Group: group}
		looks[i] = entering[i].log().readLeases()
	}
	if err := checkNames(lease.Node, lease.Addr); err != nil {
		return explain(answers, lease, entering, err)
	}
	clocks := s.runTimed(ctx, "look", looks)
	var ops, drops []*op
	var of []int
	for i, g := range entering {
		if answers[i].Err = cmp.Or(looks[i].err, clocks[i].err); answers[i].Err != nil {
			continue
		}
		now := clockMs(clocks[i].reply[0])
		drops = append(drops, g.log().dropExpired(looks[i], now)...)
		if !holds(looks[i], lease) {
			answers[i].Err = ErrNotMember
			continue
		}
		ops, of = append(ops, g.enter(lease, now)), append(of, i)
	}
	s.run(ctx, "enter", ops...)
	for j, o := range ops {
		answers[of[j]] = entering[of[j]].entered(o)
	}
	s.run(ctx, "drop", drops...) // leases that could not be removed are removed the next time
	s.tellEntered(ctx, entering, answers)
	return explain(answers, lease, entering, nil)
}

// readLeases returns an op that reads the leases of a group: the hash of them, and
// the text that routes of earlier releases write.
func (l logRef) readLeases() *op {
	return readOf(l.hash(), []any{"hgetall", l.leases()}, []any{"hget", l.hash(), textOfLeases})
}

// holds reports whether a node has a lease. A lease that has run out and was not
// removed counts, too.
func holds(o *op, lease Lease) bool {
	for l := range leasesIn(leaseLines(text(o.reply[1]), o.reply[0])) {
		if l.Node == lease.Node && l.Boot == lease.Boot {
			return true
		}
	}
	return false
}

// dropExpired returns the ops that remove expired leases, unless they are renewed
// meanwhile.
func (l logRef) dropExpired(o *op, now int64) (drops []*op) {
	var expired []any
	fields, _ := o.reply[0].([]any)
	for pair := range slices.Chunk(fields, 2) {
		node, value := text(pair[0]), text(pair[1])
		if node != noNode && len(parseLeases(node+"\t"+value, now)) == 0 {
			expired = append(expired, node, value)
		}
	}
	if len(expired) > 0 {
		drops = append(drops, dropFrom(l.leases(), expired...))
	}
	if lines := text(o.reply[1]); lines != "" && len(parseLeases(lines, now)) == 0 {
		drops = append(drops, dropFrom(l.hash(), textOfLeases, lines))
	}
	return drops
}

// dropFrom returns an op that removes fields of a hash, each given with its value.
func dropFrom(hash string, fields ...any) *op {
	return &op{key: hash, script: dropScript, keys: []string{hash}, args: fields, write: true}
}

// runTimed runs ops, and reads the clock of each server that they go to. It returns
// an answer to TIME, or its error, for each op.
func (s *Store) runTimed(ctx context.Context, name string, ops []*op) []*op {
	clocks := make([]*op, len(ops))
	all := slices.Clone(ops)
	of := make(map[*redis.Client]*op, 1)
	for i, o := range ops {
		client, err := s.topology.master(ctx, o.key)
		if err != nil { // then o fails, too
			clocks[i] = &op{err: err}
			continue
		}
		if of[client] == nil {
			of[client] = readOf(o.key, askTime)
			all = append(all, of[client])
		}
		clocks[i] = of[client]
	}
	s.run(ctx, name, all...)
	return clocks
}
