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

// leaseTime is how long a node is pushed a group's messages after it entered.
// Nodes renew within 30 s.
const leaseTime = 2 * time.Minute

// A lease is a field of the hash of leases in the group's slot, by the node's id:
// boot, address and end, in ms of the store's clock, with a tab between them. The
// hash always has noNode too, which is no lease: while a slot moves, Redis refuses
// a transaction one of whose keys is not there.
const noNode = ""

// textOfLeases is the field of the group's hash where routes of earlier releases
// keep leases, one a line. It is read, and removed when all of it has run out. Such
// a route does not see the hash of leases: while both are there, what it appends
// reaches nodes that entered at others when they renew, within 30 s.
const textOfLeases = "nodes"

// joinedField is the field of a group's hash that says when somebody joined it last,
// in ms of the store's clock: see append.lua.
const joinedField = "joined"

// EnterNode enters a node among those that groups are pushed to, for two minutes,
// and answers with the newest position of each group and with who of its users
// belongs: a message is either in the number that is answered or pushed to the node.
//
// A first look tells who belongs, at 1 us of Redis a group. A group other than
// everyone to which none of the users belongs ends there, with ErrNotMember: its
// messages are not pushed to a stranger's node. So does one that the node knows
// already (Entering.Known). Then each group is one transaction, 4 to 7 us, which
// writes the lease and reads what it answers.
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

// tellEntered makes the ends of logs ones that may be told, but for those that the
// nodes told us.
func (s *Store) tellEntered(ctx context.Context, groups []Entering, answers []Entered) {
	var list []telling
	for i := range answers {
		if e := &answers[i]; e.Err == nil && !e.Held {
			list = append(list, telling{groups[i].log(), &e.Newest, &e.Err})
		}
	}
	s.tell(ctx, list)
}

// enterMade makes the log of everyone, which nobody created, and enters again.
func (s *Store) enterMade(ctx context.Context, o *op) {
	if o.err = s.makeLogs(ctx, []logRef{{group: proto.Everyone}})[0]; o.err == nil {
		s.run(ctx, "enter", o)
	}
}

// explain says in each answer that failed what was tried. An err is that of all.
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

// look returns an op that reads who belongs. To everyone belong all.
func (g Entering) look() *op { return readOf(g.log().hash(), g.fields()) }

// judge reads the answer to look. It is enough if the group need not be entered.
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
	// Who joined behind what the node knows must not be shown what is between: the
	// transaction tells a number that has his joining.
	if g.Known.Number > 0 && g.Known.Epoch == epoch && last <= g.Known.Number {
		return Entered{Newest: g.Known, Joined: joined, Held: true}, true
	}
	return Entered{}, false
}

// members reads the epoch, zero if there is no log, and for each user by which
// number he joined, zero if he does not belong.
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
// clock. The lease comes first: what is appended after it is pushed to the node, what
// was before is in the number.
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

// lost reports whether the group's log was not there.
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

// RenewNode renews the leases that a node has, for two minutes, and answers with
// the newest positions. Where it has none, Err is ErrNotMember, or ErrNoGroup. What
// has run out of other nodes' leases is removed.
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
	s.run(ctx, "drop", drops...) // what fails is dropped next time
	s.tellEntered(ctx, entering, answers)
	return explain(answers, lease, entering, nil)
}

// readLeases returns an op that reads the leases of a group: the hash of them, and
// the text that routes of earlier releases write.
func (l logRef) readLeases() *op {
	return readOf(l.hash(), []any{"hgetall", l.leases()}, []any{"hget", l.hash(), textOfLeases})
}

// holds reports whether a node has a lease. One that has run out, and that nobody
// has removed, is as good.
func holds(o *op, lease Lease) bool {
	for l := range leasesIn(leaseLines(text(o.reply[1]), o.reply[0])) {
		if l.Node == lease.Node && l.Boot == lease.Boot {
			return true
		}
	}
	return false
}

// dropExpired returns the ops that remove what has run out, unless it is renewed
// meanwhile.
func (l logRef) dropExpired(o *op, now int64) (drops []*op) {
	var expired []any
	fields, _ := o.reply[0].([]any)
	for pair := range slices.Chunk(fields, 2) {
		node, value := text(pair[0]), text(pair[1])
		if node != noNode && !anyLease(node+"\t"+value, now) {
			expired = append(expired, node, value)
		}
	}
	if len(expired) > 0 {
		drops = append(drops, dropFrom(l.leases(), expired...))
	}
	if lines := text(o.reply[1]); lines != "" && !anyLease(lines, now) {
		drops = append(drops, dropFrom(l.hash(), textOfLeases, lines))
	}
	return drops
}

func anyLease(lines string, now int64) bool { return len(parseLeases(lines, now)) > 0 }

// dropFrom returns an op that removes fields of a hash, each given with its value.
func dropFrom(hash string, fields ...any) *op {
	return &op{key: hash, script: dropScript, keys: []string{hash}, args: fields, write: true}
}

// runTimed runs ops, and with them reads the clock of each server that they go to.
// It returns for each op an answer to TIME, or its error.
func (s *Store) runTimed(ctx context.Context, name string, ops []*op) []*op {
	clocks := make([]*op, len(ops))
	all := slices.Clone(ops)
	of := make(map[*redis.Client]*op, 1)
	for i, o := range ops {
		client, err := s.door.master(ctx, o.key)
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
