package cim

import (
	"strconv"
	"time"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
)

// systemName is the name of the sender of a notice in a CIM client. The sender's id is
// zero, which no user has.
const systemName = "system"

// A connection gets at most mostNotices within noticesTime. In open mode a stranger may
// send in another user's name, and must not flood that user with notices.
const (
	mostNotices = 5
	noticesTime = 10 * time.Second
)

// notices counts the notices of a connection. CatchUp.mu guards it.
type notices struct {
	since time.Time // when the first counted notice was written
	count int
}

// take counts one more notice and reports whether it may be written.
func (s *notices) take(now time.Time) bool {
	if now.Sub(s.since) >= noticesTime {
		*s = notices{since: now}
	}
	s.count++
	return s.count <= mostNotices
}

// Notice writes a line in the name of the system. The line comes once or not at all. It
// is dropped if there were too many lines lately, or while the connection lags.
func (f *CatchUp) Notice(line string, now time.Time) {
	f.mu.Lock()
	write := f.started && f.notices.take(now)
	f.mu.Unlock()
	if write {
		f.link.Offer(link.NewPacket(cimNotice(line, f.session.User())))
	}
}

func cimNotice(line string, receiver int64) *proto.Frame {
	return &proto.Frame{Cmd: proto.Command_MESSAGE, RequestId: receiver, ReqMsg: line, Properties: map[string]string{
		propertySender: "0", propertySenderName: systemName, propertyReceiver: strconv.FormatInt(receiver, 10),
	}}
}
