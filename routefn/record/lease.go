package record

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/entry"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/rows"
)

// leaseTime is how long a lease lasts. Until then, the group's messages are pushed to the
// node. Nodes renew their leases within 30 s.
const leaseTime = 2 * time.Minute

// joinedField is the field of a group's hash with the time of the latest joining, in ms
// of the store's clock. See append.lua.
const joinedField = "joined"

// EnterNode gives a node a lease of each group, so that the group's messages are pushed
// to the node for two minutes. It returns the newest position of each group, and which of
// the given users are members. So each message of the group is either at or before that
// position, or is pushed to the node.
//
// EnterNode first looks up the memberships. That costs Redis 1 us per group. If none of
// the users is a member of the group, the answer is ErrNotMember, and the node gets no
// lease. So nothing is pushed to a node without members. All users are members of the
// group of everyone. For a group that the node holds already (Entering.Known), EnterNode
// does not write, either. For each other group it runs one transaction (4 to 7 us), which
// writes the lease and reads the answer.
func (s *Store) EnterNode(ctx context.Context, lease Lease, groups []Entering) []Entered {
	answers := make([]Entered, len(groups))
	if err := op.CheckNames(lease.Node, lease.Addr); err != nil {
		return explain(answers, lease, groups, err)
	}
	looks := make([]*op.Op, len(groups))
	for i, g := range groups {
		looks[i] = g.look()
	}
	clocks := s.RunTimed(ctx, "look", looks)
	var ops []*op.Op
	var of []int
	for i, g := range groups {
		var enough bool
		if answers[i], enough = g.judge(looks[i]); enough {
			continue
		}
		if answers[i].Err = clocks[i].Err; answers[i].Err != nil {
			continue
		}
		o := g.enter(lease, op.ClockMs(clocks[i].Reply[0]))
		if g.Group == proto.Everyone { // newcomers may begin behind the position in the answer
			o.Steps = append(o.Steps, []any{"hset", o.Key, joinedField, op.ClockMs(clocks[i].Reply[0])})
		}
		ops, of = append(ops, o), append(of, i)
	}
	s.Run(ctx, "enter", ops...)
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

// tellEntered runs tell on the newest positions in answers. It replaces a position that
// replicas lack by an earlier one that they have. Positions that came from the node
// itself (Held) stay.
func (s *Store) tellEntered(ctx context.Context, groups []Entering, answers []Entered) {
	var list []telling
	for i := range answers {
		if e := &answers[i]; e.Err == nil && !e.Held {
			list = append(list, telling{groups[i].log(), &e.Newest, &e.Err})
		}
	}
	s.tell(ctx, list)
}

// enterMade makes the log of everyone, and then sends the op o, which enters it, again.
func (s *Store) enterMade(ctx context.Context, o *op.Op) {
	if o.Err = s.makeLogs(ctx, []logref.Ref{{Group: proto.Everyone}}, true)[0]; o.Err == nil {
		s.Run(ctx, "enter", o)
	}
}

// explain adds to each error what the call tried to do. If err is not nil, it becomes the
// error of all answers.
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

func (g Entering) log() logref.Ref { return logref.Ref{Group: g.Group} }

// fields returns the HMGET by which EnterNode reads the group's hash: epoch, base, and
// the membership of each user.
func (g Entering) fields() []any {
	step := make([]any, 0, 4+len(g.Users))
	step = append(step, "hmget", g.log().Hash(), "epoch", "base")
	for _, user := range g.Users {
		step = append(step, rows.MemberField(user))
	}
	return step
}

// look returns the op that reads which users belong to the group.
func (g Entering) look() *op.Op { return op.Read(g.log().Hash(), g.fields()) }

// judge reads o, the answered op of the method look. If the result enough is true, e is
// final, and the transaction of the method enter is not needed.
func (g Entering) judge(o *op.Op) (e Entered, enough bool) {
	if o.Err != nil {
		return Entered{Err: o.Err}, true
	}
	head, _ := o.Reply[0].([]any)
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
	// A user may have joined behind the position that the node knows. Such a user must
	// not be shown the entries between that position and their joining. So the
	// transaction is needed, because the position that it returns includes the joining.
	if g.Known.Number > 0 && g.Known.Epoch == epoch && last <= g.Known.Number {
		return Entered{Newest: g.Known, Joined: joined, Held: true}, true
	}
	return Entered{}, false
}

// The method members reads head, the answer to the command of the method fields. The
// result epoch is zero if there is no log. The result joined has, for each user, the
// number of the entry of the joining, or zero if the user is not a member.
func (g Entering) members(head []any) (epoch proto.Epoch, joined []int64) {
	if len(head) != 2+len(g.Users) {
		return 0, nil
	}
	joined = make([]int64, len(g.Users))
	for i := range g.Users {
		joined[i] = rows.JoinedAt(op.Text(head[2+i]))
	}
	return rows.ParseEpoch(op.Text(head[0])), joined
}

// enter returns the transaction that gives a node a lease of the group. The parameter now
// is in ms by the store's clock. The transaction writes the lease and reads the log's end
// in one step. So an entry is either pushed to the node, or is at or before the end that
// the transaction reads.
func (g Entering) enter(lease Lease, now int64) *op.Op {
	l := g.log()
	return op.Write(l.Hash(),
		[]any{"hset", l.Leases(), rows.NoNode, "", lease.Node, leaseValue(lease, now+leaseTime.Milliseconds())},
		g.fields(),
		[]any{"llen", l.List()},
		[]any{"lindex", l.List(), -1})
}

func leaseValue(l Lease, end int64) string {
	return rows.BootText(l.Boot) + "\t" + l.Addr + "\t" + strconv.FormatInt(end, 10)
}

// The method lost reports whether o, the answer to the op of enter, shows that the
// group has no log.
func (g Entering) lost(o *op.Op) bool {
	if o.Err != nil {
		return false
	}
	head, _ := o.Reply[1].([]any)
	epoch, _ := g.members(head)
	return epoch == 0 || op.Integer(o.Reply[2]) == 0
}

// entered reads o, the answer to enter.
func (g Entering) entered(o *op.Op) Entered {
	switch {
	case o.Err != nil:
		return Entered{Err: o.Err}
	case g.lost(o) && g.log().Closed():
		return Entered{Err: ErrNoGroup}
	case g.lost(o): // the log was made a moment ago, so a failover is going on
		return Entered{Err: fmt.Errorf("log of %s was lost: %w", g.log().Tag(), ErrUnavailable)}
	}
	head, _ := o.Reply[1].([]any)
	epoch, joined := g.members(head)
	return Entered{
		Newest: g.log().Position(epoch, op.Integer(head[1])+op.Integer(o.Reply[2]), entry.KeyOf(op.Text(o.Reply[3]))),
		Joined: joined,
	}
}

// RenewNode renews the leases that a node has of groups, for two minutes, and returns
// the groups' newest positions. Err is ErrNotMember if the node has no lease of the
// group, or ErrNoGroup. RenewNode also removes expired leases of other nodes.
func (s *Store) RenewNode(ctx context.Context, lease Lease, groups []int64) []Entered {
	answers := make([]Entered, len(groups))
	entering, looks := make([]Entering, len(groups)), make([]*op.Op, len(groups))
	for i, group := range groups {
		entering[i] = Entering{Group: group}
		looks[i] = readLeases(entering[i].log())
	}
	if err := op.CheckNames(lease.Node, lease.Addr); err != nil {
		return explain(answers, lease, entering, err)
	}
	clocks := s.RunTimed(ctx, "look", looks)
	var ops, drops []*op.Op
	var of []int
	for i, g := range entering {
		if answers[i].Err = cmp.Or(looks[i].Err, clocks[i].Err); answers[i].Err != nil {
			continue
		}
		now := op.ClockMs(clocks[i].Reply[0])
		drops = append(drops, dropExpired(g.log(), looks[i], now)...)
		if !holds(looks[i], lease) {
			answers[i].Err = ErrNotMember
			continue
		}
		ops, of = append(ops, g.enter(lease, now)), append(of, i)
	}
	s.Run(ctx, "enter", ops...)
	for j, o := range ops {
		answers[of[j]] = entering[of[j]].entered(o)
	}
	s.Run(ctx, "drop", drops...) // if that fails, the next renewal removes them
	s.tellEntered(ctx, entering, answers)
	return explain(answers, lease, entering, nil)
}

// readLeases returns an op that reads the leases of a group: the hash of leases, and
// the text of leases that routes of earlier releases write.
func readLeases(l logref.Ref) *op.Op {
	return op.Read(l.Hash(), []any{"hgetall", l.Leases()}, []any{"hget", l.Hash(), logref.TextOfLeases})
}

// holds reports whether o, the answer to readLeases, has a lease of the node. A lease
// that has expired but was not removed yet counts, too.
func holds(o *op.Op, lease Lease) bool {
	for l := range rows.LeasesIn(rows.LeaseLines(op.Text(o.Reply[1]), o.Reply[0])) {
		if l.Node == lease.Node && l.Boot == lease.Boot {
			return true
		}
	}
	return false
}

// dropExpired returns the ops that remove the expired leases in o, the answer to
// readLeases. A lease that is renewed meanwhile stays.
func dropExpired(l logref.Ref, o *op.Op, now int64) (drops []*op.Op) {
	var expired []any
	fields, _ := o.Reply[0].([]any)
	for pair := range slices.Chunk(fields, 2) {
		node, value := op.Text(pair[0]), op.Text(pair[1])
		if node != rows.NoNode && len(rows.ParseLeases(node+"\t"+value, now)) == 0 {
			expired = append(expired, node, value)
		}
	}
	if len(expired) > 0 {
		drops = append(drops, dropFrom(l.Leases(), expired...))
	}
	if lines := op.Text(o.Reply[1]); lines != "" && len(rows.ParseLeases(lines, now)) == 0 {
		drops = append(drops, dropFrom(l.Hash(), logref.TextOfLeases, lines))
	}
	return drops
}

// dropFrom returns an op that removes fields of a hash if they still have the given
// values. The parameter fields has names and values alternately.
func dropFrom(hash string, fields ...any) *op.Op {
	return &op.Op{Key: hash, Script: dropScript, Keys: []string{hash}, Args: fields, Write: true}
}
