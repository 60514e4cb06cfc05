package crowd

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
)

const (
	usersPerGroup = 8 // there is one group for this many users
	wardsOf       = 2 // how many users the maker of a group adds and removes
	groupsStream  = 1 << 32
	changePause   = 200 * time.Millisecond // before a change is tried again
)

// groupSizes has the numbers of members with which groups begin, in turn.
var groupSizes = []int{2, 3, 5, 8, 13, 21, 34, 55}

// circle is the plan of one group. The users in members belong to it at the start. Those
// in guests may join later. The maker of the group is the first member. The maker adds and
// removes the users in wards. All are indexes of users.
type circle struct{ members, guests, wards []int }

func (c circle) maker() int { return c.members[0] }

// drawCircles returns the groups of a crowd. No user is in all groups, and no group has
// all users. The same arguments give the same groups.
func drawCircles(seed uint64, users int) []circle {
	rng := rand.New(rand.NewPCG(seed, groupsStream))
	circles := make([]circle, max(2, users/usersPerGroup))
	for i := range circles {
		all := rng.Perm(users)
		size := min(groupSizes[i%len(groupSizes)], max(1, users/2))
		guests := min(2+size/2, max(0, users-size-1))
		rest := all[size+guests:]
		circles[i] = circle{all[:size], all[size : size+guests], rest[:min(len(rest), wardsOf)]}
	}
	return circles
}

// found has the first member of each group make that group. Then it tells every device's
// orders (see type orders) about the groups.
func (c *Crowd) found(ctx context.Context, circles []circle, users []int64) error {
	c.groups = make([]int64, len(circles))
	return together(ctx, len(circles), func(ctx context.Context, i int) error {
		members := circles[i].members
		maker := c.phoneOf(users[circles[i].maker()])
		ids := make([]int64, 0, len(members)-1)
		for _, user := range members[1:] {
			ids = append(ids, users[user])
		}
		made, err := maker.client.CreateGroup(ctx, fmt.Sprintf("group-%d", i), ids...)
		if err != nil {
			return err
		}
		if len(made.Missing) > 0 {
			return fmt.Errorf("%d users could not be made members of group %d", len(made.Missing), made.Group)
		}
		if len(made.Invited) > 0 {
			if err := c.consent(ctx, circles[i], users, made); err != nil {
				return err
			}
		}
		c.groups[i] = made.Group
		for _, user := range members {
			maker.noteChange(ledger.Asked, users[user], made.Group, ledger.Join)
			maker.noteChange(ledger.Done, users[user], made.Group, ledger.Join)
		}
		return nil
	})
}

// At first, a group's maker may only invite other users. So consent makes the invited
// users accept, and allow everybody to add them from then on.
func (c *Crowd) consent(ctx context.Context, of circle, users []int64, made client.CreatedGroup) error {
	for _, i := range slices.Concat(of.members[1:], of.wards) {
		phone := c.phoneOf(users[i]).client
		if _, err := phone.SetConsent(ctx, client.Consent{Add: proto.ByEveryone}); err != nil {
			return err
		}
		if slices.Contains(made.Invited, users[i]) {
			if err := phone.AcceptInvitation(ctx, made.Group); err != nil {
				return err
			}
		}
	}
	return nil
}

// phoneOf returns a user's first device.
func (c *Crowd) phoneOf(user int64) *Device {
	for _, d := range c.devices {
		if d.user == user {
			return d
		}
	}
	return nil
}

// How many users are in the largest allowed number of groups, and how large the crowd must
// be for that.
const (
	crowdedUsers = 3
	crowdedMin   = 10 // a smaller crowd has no such users
	limitedMin   = 40 // the same if routes limit accounts; then no user makes more than the ten groups that are allowed per hour
)

// crowded returns how many users of the crowd are in the largest allowed number of
// groups. They are the last users.
func (c Config) crowded() int {
	if !c.Crowded || c.Users < crowdedMin || c.Limited && c.Users < limitedMin {
		return 0
	}
	return crowdedUsers
}

// drawCrowded returns the groups of which the last users are members. The parameter
// crowded is the number of these users. The other users make the groups in turn, so that
// none of them makes many. The maker of a group is a member, too.
func drawCrowded(users, crowded int) []circle {
	circles := make([]circle, proto.MaxGroups)
	for i := range circles {
		circles[i].members = append(circles[i].members, i%(users-crowded))
		for k := range crowded {
			circles[i].members = append(circles[i].members, users-crowded+k)
		}
	}
	return circles
}

// change makes the user, or another user, join or leave a group. It repeats the call
// until it succeeds. If life ends before, the outcome is unknown.
func (t *talker) change(life context.Context, o order) {
	group, user, change := t.groups[o.group], t.user, o.change
	if o.ward >= 0 {
		user = t.users[o.ward]
	}
	t.noteChange(ledger.Asked, user, group, change)
	for {
		c, _, err := t.current(life)
		if err != nil {
			return
		}
		if t.changeOnce(life, c, group, user, change) == nil {
			t.noteChange(ledger.Done, user, group, change)
			return
		}
		if !retry.Sleep(life, changePause) {
			return
		}
	}
}

func (t *talker) changeOnce(ctx context.Context, c *client.Client, group, user int64, change string) error {
	switch {
	case user != t.user && change == ledger.Leave:
		return c.RemoveMember(ctx, group, user)
	case user != t.user:
		return c.AddMember(ctx, group, user)
	case change == ledger.Leave:
		return c.LeaveGroup(ctx, group)
	default:
		return c.JoinGroup(ctx, group)
	}
}

func (d *Device) noteChange(kind ledger.Kind, user, group int64, change string) {
	d.ledger.Write(ledger.Record{Kind: kind, User: user, Group: group, Change: change})
}
