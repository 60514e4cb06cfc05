package node

import (
	"cmp"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/node/delayed"
	"github.com/cim-go/cim/node/groups"
	"github.com/cim-go/cim/node/hub"
	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/node/report"
	"github.com/cim-go/cim/proto"
)

// deliverer carries out the pushes of routes. It also settles the differences that
// reconciliation finds.
type deliverer struct {
	boot       uint64
	hub        *hub.Hub[*session]
	links      *link.Server
	groups     *groups.Groups[*session]
	reconciler *report.Reconciler
	delayed    *delayed.Schedule

	pushed      prometheus.Counter
	gone        prometheus.Counter
	differences *prometheus.CounterVec // by verdict
	log         *slog.Logger
}

// Push implements Node.Push, and api.Node.
func (d *deliverer) Push(r *proto.PushRequest) *proto.PushAnswer {
	defer d.links.Cork()()
	answer := &proto.PushAnswer{Items: make([]*proto.PushResult, len(r.Items)), Boot: d.boot}
	mine := r.Boot == d.boot
	var touched []*groups.Sequencer[*session] // Send is called once for each, after all entries are queued
	for i, item := range r.Items {
		answer.Items[i] = &proto.PushResult{}
		switch {
		case !mine: // the push is for an earlier run of this node, whose sessions have all gone
			answer.Items[i].Gone = item.Numbers
		case item.User == 0:
			if at := d.pushGroup(item); at != nil {
				touched = append(touched, at)
			}
		case item.Delivered != nil:
			answer.Items[i].Gone = d.pushDelivered(item)
		case item.Notice != "":
			answer.Items[i].Gone = d.pushNotice(item)
		case item.Groups:
			answer.Items[i].Gone = d.reopen(item)
		default:
			answer.Items[i].Gone = d.pushUser(item)
		}
	}
	for _, at := range slices.Compact(touched) {
		at.Send()
	}
	d.pushed.Add(float64(len(r.Items)))
	if !mine {
		return answer
	}
	for _, k := range r.Kicks {
		d.kick(k)
	}
	if r.Reconcile {
		d.reconciler.Hurry()
	}
	if r.Wake > 0 {
		d.delayed.Due(r.Wake)
	}
	return answer
}

// pushUser delivers an entry of a user's inbox. Without an entry it only checks which
// sessions are here.
func (d *deliverer) pushUser(item *proto.PushItem) (gone []int64) {
	return d.count(d.hub.Deliver(item.User, item.Numbers, item.Except, d.packet(item.Stored)))
}

// count adds the sessions in gone to the metric of sessions that are not here, and
// returns gone.
func (d *deliverer) count(gone []int64) []int64 {
	d.gone.Add(float64(len(gone)))
	return gone
}

// pushDelivered sends delivery marks to the sessions of the sender. It drops marks for
// sessions that lag or are not open yet.
func (d *deliverer) pushDelivered(item *proto.PushItem) (gone []int64) {
	for _, id := range item.Delivered.Ids {
		p := link.NewPacket(&proto.Frame{Cmd: proto.Command_DELIVERED, Id: id, To: item.Delivered.To, Time: item.Delivered.Time})
		d.hub.Deliver(item.User, item.Numbers, 0, p)
	}
	return d.count(d.hub.Deliver(item.User, item.Numbers, 0, nil))
}

// reopen asks routes to open the sessions of a user again, because the list of the user's
// groups has changed. If the user left a group, the node may never have learned that they
// had joined it. So sessions that are not members of the group here get the place of the
// entry about the leaving. They fetch the log up to that place.
func (d *deliverer) reopen(item *proto.PushItem) (gone []int64) {
	leaving := d.packet(item.Stored)
	var outside []int64
	for _, s := range d.hub.Sessions(item.User, item.Numbers) {
		s.Reopen()
		if leaving != nil && s.catchUp == nil && !d.hub.Belongs(&s.entry, leaving.Mark().Log) {
			outside = append(outside, s.Current().Number)
		}
	}
	if len(outside) > 0 {
		d.hub.Deliver(item.User, outside, 0, groups.Newest(leaving.Mark()))
	}
	return d.count(d.hub.Deliver(item.User, item.Numbers, 0, nil))
}

// pushGroup queues an entry of a group's log for the members who are here. It returns the
// sequencer that has to send the entry, or nil.
func (d *deliverer) pushGroup(item *proto.PushItem) *groups.Sequencer[*session] {
	p := d.packet(item.Stored)
	if p == nil {
		return nil
	}
	mark := p.Mark()
	if mark.Log == proto.Inbox {
		return nil
	}
	at := d.groups.Of(mark.Log)
	at.Push(hub.Post{Packet: p, Mark: mark, Except: item.Except})
	return at
}

// packet returns the frame of an entry. It returns nil if there is no entry, for the
// first entry of a log, and for an entry that cannot be decoded. An entry that cannot
// be decoded is fetched like a missing one.
func (d *deliverer) packet(stored *proto.Stored) *link.Packet {
	if stored == nil {
		return nil
	}
	message, err := stored.Message()
	if err != nil {
		d.log.Error("pushed entry cannot be read", "err", err)
		return nil
	}
	if message.Kind == proto.Kind_GENESIS {
		return nil
	}
	return link.NewPacket(message.Frame())
}

// pushNotice writes a line in the name of the system to the CIM connections of a user,
// because their clients understand no other answer. The line is in no log.
func (d *deliverer) pushNotice(item *proto.PushItem) (gone []int64) {
	for _, s := range d.hub.Sessions(item.User, item.Numbers) {
		if s.catchUp != nil {
			s.catchUp.Notice(item.Notice, time.Now())
		}
	}
	return d.pushUser(item)
}

// CIM implements cim.Connections.
func (d *deliverer) CIM(user int64) (links []*link.Link) {
	for _, s := range d.hub.Peers(user) {
		if s.catchUp != nil {
			links = append(links, s.link)
		}
	}
	return links
}

// kick closes a session that a route reports as closed or displaced.
func (d *deliverer) kick(k *proto.Kick) {
	if s, ok := d.hub.Find(k.User, k.Device, k.Number); ok {
		s.evict(proto.Code(k.Code))
	}
}

// Renew implements report.Settler.
func (d *deliverer) Renew(h *proto.Held, proof []byte) {
	if s, ok := d.hub.Find(h.User, h.Device, h.Number); ok {
		s.renew(proof)
	}
}

// Settle implements report.Settler.
func (d *deliverer) Settle(difference *proto.Difference) {
	d.differences.WithLabelValues(difference.Verdict.String()).Inc()
	s, ok := d.hub.Find(difference.User, difference.Device, difference.Number)
	if !ok {
		return // the session was closed since the request was made
	}
	switch difference.Verdict {
	case proto.Verdict_DISPLACED:
		s.evict(cmp.Or(proto.Code(difference.Code), proto.Replaced))
	case proto.Verdict_UNKNOWN, proto.Verdict_GROUPS:
		s.Reopen()
	case proto.Verdict_BEHIND:
		if difference.Newest != nil {
			s.know([]*proto.Mark{difference.Newest})
			s.tell(difference.Newest)
		}
	}
}
