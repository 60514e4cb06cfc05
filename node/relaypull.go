package node

import (
	"context"
	"fmt"

	"github.com/cim-go/cim/node/hub"
	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
)

// askedMembers is how many members' sessions one pull tries: the first may belong
// to somebody who has left.
const askedMembers = 3

// pull fetches what is missing and passes it on.
func (r *relay) pull(ctx context.Context) {
	r.node.metrics.gaps.Inc()
	err := r.pullAll(ctx)
	if err != nil {
		r.node.metrics.calls.WithLabelValues("pull").Inc()
		r.node.log.Warn("pull of group failed", "group", r.group, "err", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pulling = false
	r.doubt = r.doubt || err != nil
	r.waitLocked(relayRetry)
}

// pullAll pulls page by page to the log's end.
func (r *relay) pullAll(ctx context.Context) error {
	for {
		r.mu.Lock()
		r.doubt = false
		after := r.last
		r.mu.Unlock()
		answer, err := r.ask(ctx, after)
		if err != nil {
			return err
		}
		more := false
		switch {
		case answer == nil:
			r.skip()
		case proto.Code(answer.Code) == proto.Diverged:
			r.restart(answer.Newest)
		default:
			if more, err = r.fill(after, answer); err != nil {
				return err
			}
		}
		r.pass()
		if !more {
			return nil
		}
	}
}

// ask reads a page as one of the members who are here. It returns nil if there is
// none.
func (r *relay) ask(ctx context.Context, after *proto.Mark) (*proto.PullAnswer, error) {
	var refused error
	for _, s := range r.node.hub.Members(r.group, askedMembers) {
		answer, err := r.askAs(ctx, s, after)
		if err != nil {
			return nil, err
		}
		switch code := proto.Code(answer.Code); code {
		case proto.OK, proto.Diverged:
			return answer, nil
		case proto.NotMember, proto.UnknownGroup: // he left, and we have not heard of it
			r.node.reporter.open(s)
			refused = proto.Err(code, "")
		default:
			return nil, proto.Err(code, "")
		}
	}
	return nil, refused
}

func (r *relay) askAs(ctx context.Context, s *session, after *proto.Mark) (*proto.PullAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, r.node.config.CallTimeout)
	defer cancel()
	return r.node.config.Route.Pull(ctx, &proto.PullRequest{
		Origin: r.node.origin, Session: s.current(), After: after, Limit: pullLimit,
	})
}

// skip forgets what is missing: there is nobody to show it to but those whose
// opening is not over. They are told how far it went.
func (r *relay) skip() {
	r.mu.Lock()
	defer r.mu.Unlock()
	from := r.last
	if r.behind != nil {
		r.moveLocked(r.behind)
	}
	for _, p := range r.early {
		if link.Newer(r.last, p.Mark) {
			r.moveLocked(p.Mark)
		}
	}
	r.drainLocked()
	if r.last != from {
		r.tellLocked(r.last)
	}
}

// restart goes on at the end of a log that lost its tail and gave its numbers
// again. Nobody here knows where that began, nor who left or joined since: all are
// told the end, to find out by themselves, and are members again when a route says so.
func (r *relay) restart(newest *proto.Mark) {
	if newest == nil {
		return
	}
	members := r.node.hub.Dissolve(r.group)
	r.mu.Lock()
	clear(r.early)
	clear(r.spared)
	r.places, r.behind = [keptPlaces]*proto.Mark{}, nil
	r.moveLocked(newest)
	if r.group == proto.Everyone {
		r.tellLocked(newest)
	}
	r.mu.Unlock()
	for _, s := range members {
		s.tell(newest)
		r.node.reporter.open(s)
	}
}

// fill takes the page behind a place and reports whether there is more. Numbers that
// it leaves out were trimmed.
//
// What was pushed while the page was read may be lost by now, and the page hold
// another entry at its number. Then no more of it is taken, and the route is asked
// about what was pushed.
func (r *relay) fill(after *proto.Mark, answer *proto.PullAnswer) (more bool, err error) {
	posts := make([]hub.Post, len(answer.Entries))
	for i, stored := range answer.Entries {
		message, err := stored.Message()
		if err != nil {
			return false, fmt.Errorf("read pulled entry: %w", err)
		}
		packet := link.NewPacket(message.Frame())
		posts[i] = hub.Post{Packet: packet, Mark: packet.Mark()}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range posts {
		if r.contradictsLocked(p.Mark) {
			return true, nil
		}
		if link.Newer(r.last, p.Mark) {
			r.takeLocked(p)
		}
	}
	newest, through := answer.Newest, answer.Through
	if newest == nil {
		return false, nil
	}
	if through == nil && len(posts) == 0 { // of a route of an earlier release
		through = newest
	}
	if through.GetNumber() > 0 && link.Newer(r.last, through) {
		r.moveLocked(through)
	}
	r.drainLocked()
	if r.behind != nil && !link.Newer(newest, r.behind) {
		r.behind = nil // the log ends before it now: the next push will not fit
	}
	more = link.Newer(r.last, newest)
	if more && r.last == after { // the page told nothing of it: later
		r.doubt = true
		return false, nil
	}
	return more, nil
}
