package record

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/rows"
)

// leaseTime is how long a lease lasts. Before it ends, the group's messages are pushed to
// the node. Nodes renew their leases within 30 s.
const leaseTime = 2 * time.Minute

// EnterNode gives a node a lease of each group, so that the group's messages are pushed
// to the node for two minutes. For each group, it returns the newest position and those
// of the given users who are members. Each message of the group is either at or before
// that position, or is pushed to the node.
//
// If none of the users is a member of the group, the answer is ErrNotMember, and the node
// gets no lease. So a node without members gets no messages of the group. All users are
// members of the group of everyone. If the node holds a group already (Entering.Known),
// EnterNode writes nothing for it. It only looks whether the users are members, which
// costs Redis 1 us.
//
// EnterNode takes one round trip to each server, and one more if users have joined behind
// a position that the node knows. It makes the log of everyone if that was lost.
func (s *Store) EnterNode(ctx context.Context, lease Lease, groups []Entering) []Entered {
	answers := make([]Entered, len(groups))
	if err := op.CheckNames(lease.Node, lease.Addr); err != nil {
		return explain(answers, lease, groups, err)
	}
	var looks []*op.Op
	var looked, others []int // indexes of groups
	for i, g := range groups {
		if g.Known.Number > 0 {
			looks, looked = append(looks, g.look()), append(looked, i)
		} else {
			others = append(others, i)
		}
	}
	s.enter(ctx, lease, groups, answers, others, looks...)
	others = nil
	for j, i := range looked {
		var enough bool
		if answers[i], enough = groups[i].judge(looks[j]); !enough {
			others = append(others, i)
		}
	}
	s.enter(ctx, lease, groups, answers, others)
	for i, g := range groups {
		if g.Group == proto.Everyone && errors.Is(answers[i].Err, errLost) {
			s.enterMade(ctx, lease, groups, answers, i)
		}
	}
	s.tellEntered(ctx, groups, answers)
	return explain(answers, lease, groups, nil)
}

// enteredAtOnce is how many groups one script enters. That takes a server 0.3 ms.
const enteredAtOnce = 64

// enter runs enter.lua on some of the groups, and puts the results into answers. The
// parameter which has the indexes of these groups. If all keys are on one server, a
// script has several groups. The looks are sent with the scripts.
func (s *Store) enter(ctx context.Context, lease Lease, groups []Entering, answers []Entered, which []int, looks ...*op.Op) {
	most := enteredAtOnce
	if !s.Topology.Single() {
		most = 1
	}
	parts := slices.Collect(slices.Chunk(which, most))
	ops := make([]*op.Op, len(parts), len(parts)+len(looks))
	for j, part := range parts {
		ops[j] = groups[part[0]].entering(lease)
		for _, i := range part {
			groups[i].add(ops[j])
		}
	}
	s.Run(ctx, "enter", append(ops, looks...)...)
	for j, part := range parts {
		for k, i := range part {
			answers[i] = groups[i].entered(ops[j], k)
		}
	}
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

// enterMade makes the log of everyone, whose index is i, and then enters it again.
func (s *Store) enterMade(ctx context.Context, lease Lease, groups []Entering, answers []Entered, i int) {
	if answers[i].Err = s.makeLogs(ctx, []logref.Ref{{Group: proto.Everyone}}, true)[0]; answers[i].Err == nil {
		s.enter(ctx, lease, groups, answers, []int{i})
	}
}

// explain adds to each error what the call tried to do. If the parameter err is not nil,
// it becomes the error of all answers.
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

// entering returns an op that runs enter.lua on the server of the group. The method add
// adds this group and other groups to the op.
func (g Entering) entering(l Lease) *op.Op {
	return &op.Op{
		Key: g.log().Hash(), Script: enterScript, Write: true,
		Args: []any{l.Node, rows.BootText(l.Boot) + "\t" + l.Addr + "\t", leaseTime.Milliseconds()},
	}
}

// add adds the group to an op that enters groups.
func (g Entering) add(o *op.Op) {
	l := g.log()
	o.Keys = append(o.Keys, l.List(), l.Hash(), l.Leases())
	o.Args = append(o.Args, g.Group == proto.Everyone && !g.renews, len(g.Users))
	for _, user := range g.Users {
		o.Args = append(o.Args, rows.MemberField(user))
	}
}

// errLost is returned for the log of everyone if it does not exist. It was made when the
// first user came, so it was lost.
var errLost = fmt.Errorf("log of %s was lost: %w", logref.Everyone.Tag(), ErrUnavailable)

// entered reads the part for this group from the answer of an op that enters groups. The
// parameter o is that op, and k is the index of the group in it.
func (g Entering) entered(o *op.Op, k int) Entered {
	if o.Err != nil {
		return Entered{Err: o.Err}
	}
	head, _ := o.Reply[k].([]any)
	n := min(2+len(g.Users), len(head))
	epoch, joined := g.members(head[:n])
	switch {
	case len(head) == n+2:
		return Entered{Newest: g.log().Position(epoch, op.Integer(head[1])+op.Integer(head[n]), op.Text(head[n+1])), Joined: joined}
	case g.Group == proto.Everyone:
		return Entered{Err: errLost}
	case epoch == 0 || slices.ContainsFunc(joined, func(number int64) bool { return number > 0 }):
		return Entered{Err: ErrNoGroup}
	default:
		return Entered{Err: ErrNotMember}
	}
}

// look returns the op that reads which users belong to a group that the node holds.
func (g Entering) look() *op.Op {
	step := make([]any, 0, 4+len(g.Users))
	step = append(step, "hmget", g.log().Hash(), "epoch", "base")
	for _, user := range g.Users {
		step = append(step, rows.MemberField(user))
	}
	return op.Read(g.log().Hash(), step)
}

// judge reads the answer of the op that the method look returned. If the result enough is
// false, the group must be entered.
func (g Entering) judge(o *op.Op) (e Entered, enough bool) {
	if o.Err != nil {
		return Entered{Err: o.Err}, true
	}
	head, _ := o.Reply[0].([]any)
	epoch, joined := g.members(head)
	if epoch == 0 {
		return Entered{Err: ErrNoGroup}, true
	}
	last := int64(0)
	for _, number := range joined {
		last = max(last, number)
	}
	if last == 0 {
		return Entered{Err: ErrNotMember}, true
	}
	// A user may have joined behind the position that the node knows. Such a user must not
	// see the entries between that position and the joining. So the node needs the present
	// end of the log, which includes the joining.
	if g.Known.Epoch == epoch && last <= g.Known.Number {
		return Entered{Newest: g.Known, Joined: joined, Held: true}, true
	}
	return Entered{}, false
}

// The method members reads epoch, base, and the membership of each user. The result epoch
// is zero if there is no log. The result joined has, for each user, the number of the
// entry of the joining, or zero if the user is not a member.
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

// RenewNode renews the leases that a node has of groups, for two minutes, and returns
// the groups' newest positions. Err is ErrNotMember if the node has no lease of the
// group, or ErrNoGroup. RenewNode also removes expired leases of other nodes.
func (s *Store) RenewNode(ctx context.Context, lease Lease, groups []int64) []Entered {
	answers := make([]Entered, len(groups))
	entering, looks := make([]Entering, len(groups)), make([]*op.Op, len(groups))
	for i, group := range groups {
		entering[i] = Entering{Group: group, renews: true}
		looks[i] = readLeases(entering[i].log())
	}
	if err := op.CheckNames(lease.Node, lease.Addr); err != nil {
		return explain(answers, lease, entering, err)
	}
	clocks := s.RunTimed(ctx, "look", looks)
	var drops []*op.Op
	var held []int
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
		held = append(held, i)
	}
	s.enter(ctx, lease, entering, answers, held)
	s.Run(ctx, "drop", drops...) // if that fails, the next renewal removes them
	s.tellEntered(ctx, entering, answers)
	return explain(answers, lease, entering, nil)
}

// readLeases returns an op that reads the leases of a group: the hash of leases, and
// the text of leases that routes of earlier releases write.
func readLeases(l logref.Ref) *op.Op {
	return op.Read(l.Hash(), []any{"hgetall", l.Leases()}, []any{"hget", l.Hash(), logref.TextOfLeases})
}

// holds reports whether the node has a lease. The parameter o is an answered op of
// readLeases. A lease counts even if it has expired, as long as it was not removed.
func holds(o *op.Op, lease Lease) bool {
	for l := range rows.LeasesIn(rows.LeaseLines(op.Text(o.Reply[1]), o.Reply[0])) {
		if l.Node == lease.Node && l.Boot == lease.Boot {
			return true
		}
	}
	return false
}

// dropExpired returns the ops that remove expired leases. The parameter o is an answered
// op of readLeases. A lease that is renewed meanwhile stays.
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

// dropFrom returns an op that removes fields of a hash. A field with another value than
// the given one stays. The parameter fields has names and values alternately.
func dropFrom(hash string, fields ...any) *op.Op {
	return &op.Op{Key: hash, Script: dropScript, Keys: []string{hash}, Args: fields, Write: true}
}
