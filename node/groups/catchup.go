package groups

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cim-go/cim/node/hub"
	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/order"
)

// triedMembers is how many sessions of members one pull tries. A pull tries more than
// one, because the user of the first session may have left the group.
const triedMembers = 3

// Pull fetches missing entries and sends them. It implements pull.Job.
func (s *Sequencer[P]) Pull(ctx context.Context) {
	s.config.Gaps.Inc()
	err := s.pullAll(ctx)
	wait := pullWait
	switch {
	case errors.Is(err, order.ErrNoProgress): // the entries may come later
		wait = pullRetry
	case err != nil:
		wait = pullRetry
		s.config.Failed.Inc()
		s.config.Logger.Warn("pull of group failed", "group", s.group, "err", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pulling = false
	if err != nil {
		s.follower.Failed()
	}
	s.waitLocked(time.Now(), wait)
}

// pullAll pulls page by page to the log's end.
func (s *Sequencer[P]) pullAll(ctx context.Context) error {
	for more := true; more; {
		s.mu.Lock()
		after := proto.At(s.group, s.follower.Ask()).Mark()
		s.mu.Unlock()
		answer, err := s.page(ctx, after)
		switch {
		case err != nil:
			return err
		case answer == nil:
			s.skip()
			more = false
		case proto.Code(answer.Code) == proto.Diverged:
			err = s.restart(answer.Newest)
			more = false
		default:
			more, err = s.fill(answer)
		}
		s.Send()
		if err != nil {
			return err
		}
	}
	return nil
}

// page reads a page on behalf of one of the members who are here. It returns nil if no
// member is here.
func (s *Sequencer[P]) page(ctx context.Context, after *proto.Mark) (*proto.PullAnswer, error) {
	var refused error
	for _, member := range s.config.Hub.Members(s.group, triedMembers) {
		answer, err := s.config.Puller.Pull(ctx, member, after)
		if err != nil {
			return nil, err
		}
		switch code := proto.Code(answer.Code); code {
		case proto.OK, proto.Diverged:
			return answer, nil
		case proto.NotMember, proto.UnknownGroup: // the user has left, but the entry about that has not come yet
			member.Reopen()
			refused = proto.Err(code, "")
		default:
			return nil, proto.Err(code, "")
		}
	}
	return nil, refused
}

// skip gives up missing entries, because no open session of a member is here. Pending
// sessions get the log's end instead.
func (s *Sequencer[P]) skip() {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := s.follower.Last()
	s.follower.Skip(s.follower.Furthest())
	if s.follower.Last() != from {
		s.announceLocked()
	}
}

// announceLocked queues the log's end for the members, who then fetch the entries
// before it.
func (s *Sequencer[P]) announceLocked() {
	end := s.lastLocked()
	s.ready = append(s.ready, hub.Post{Packet: Newest(end), Mark: end})
}

// restart continues at the end of a log that lost its tail and uses the lost numbers
// again. A node does not know where the loss began, nor which users left or joined since.
// So every session of a member gets the log's end and fetches the entries that it lacks.
// The session is no member of the group here until a route confirms that its user is one.
// Sessions of users who left get the end, too, because the log may have lost the entry
// about the leaving.
func (s *Sequencer[P]) restart(newest *proto.Mark) error {
	if newest == nil {
		return proto.Err(proto.Diverged, "")
	}
	members := s.config.Hub.Dissolve(s.group)
	s.mu.Lock()
	clear(s.spared)
	for _, l := range s.left {
		members = append(members, s.config.Hub.Peers(l.user)...)
	}
	s.left = slices.DeleteFunc(s.left, func(l leaver) bool { return l.number > newest.Number })
	s.follower = order.New[hub.Post](newest.Place())
	if s.group == proto.Everyone {
		s.announceLocked()
	}
	s.mu.Unlock()
	for _, member := range members {
		member.Push(Newest(newest))
		member.Reopen()
	}
	return nil
}

// fill queues the entries of a page. It reports whether there are more pages.
func (s *Sequencer[P]) fill(answer *proto.PullAnswer) (more bool, err error) {
	entries := make([]order.Entry[hub.Post], 0, len(answer.Entries)+1)
	for _, stored := range answer.Entries {
		message, err := stored.Message()
		if err != nil {
			return false, fmt.Errorf("read pulled entry: %w", err)
		}
		packet := link.NewPacket(message.Frame())
		p := hub.Post{Packet: packet, Mark: packet.Mark()}
		entries = append(entries, order.Entry[hub.Post]{At: p.Mark.Place(), Item: p})
	}
	through := answer.Through
	if through == nil && len(entries) == 0 { // the route is of an earlier release
		through = answer.Newest
	}
	if through.GetNumber() > 0 {
		entries = append(entries, order.Entry[hub.Post]{At: through.Place()})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready, err = s.follower.Page(s.ready, entries, answer.Newest.Place())
	s.ready = slices.DeleteFunc(s.ready, func(p hub.Post) bool { return p.Packet == nil }) // the entry for the place through has no packet
	return err == nil && s.follower.More(), err
}
