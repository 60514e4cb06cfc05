package rows

import (
	"strings"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/op"
)

// Session is the record of the live connection of one device. It says which node holds
// it.
type Session struct {
	Device string
	Number int64  // increases with each session of the device; fences late requests of earlier ones
	Node   string // member id
	Boot   uint64
	Addr   string // host:port of the node's internal HTTP
}

// ParseSession reads a line "device number boot node addr". It returns nil if the line
// has another form.
func ParseSession(line string) *Session {
	if s, ok := SessionIn(line); ok {
		return &s
	}
	return nil
}

// SessionIn does what ParseSession does, without an allocation.
func SessionIn(line string) (s Session, ok bool) {
	var f [5]string
	if !cut(line, f[:]) {
		return s, false
	}
	return Session{Device: f[0], Number: op.Integer(f[1]), Boot: parseBoot(f[2]), Node: f[3], Addr: f[4]}, true
}

// ParseSessions reads lines of sessions, and skips lines of another form.
func ParseSessions(lines string) []Session {
	var list []Session
	for line := range strings.SplitSeq(lines, "\n") {
		if s, ok := SessionIn(line); ok {
			list = append(list, s)
		}
	}
	return list
}

// ParseCursors reads lines of "log epoch number key".
func ParseCursors(lines string) []proto.Position {
	var list []proto.Position
	for line := range strings.SplitSeq(lines, "\n") {
		if f := strings.Split(line, "\t"); len(f) == 4 {
			list = append(list, proto.Position{Log: op.Integer(f[0]), Epoch: ParseEpoch(f[1]), Number: op.Integer(f[2]), Key: f[3]})
		}
	}
	return list
}

// Received has positions that the TCP of a device has acknowledged. The device may not
// have read up to there. The entries count as read if the node of the session died
// before it reported how the connection ended, see record.Acking.
type Received struct {
	Session Session
	Through []proto.Position // one position per log

	// Left is true if the node has reported the end of the connection (see
	// record.Acking). Then the entries count as read only if LoggedOut is true, too. Of
	// Session, only Device and Number are set.
	Left      bool
	LoggedOut bool // the device logged out, at most 30 s after the report of the end
}

// ParseReceived reads the field recv:DEVICE, which ack.lua writes: a line with a session,
// then lines with positions. If the node has reported the end of the connection, there is
// a line with "left" between them (see record.Acking).
func ParseReceived(lines string) *Received {
	line, cursors, _ := strings.Cut(lines, "\n")
	if s, ok := SessionIn(line); ok {
		return &Received{Session: s, Through: ParseCursors(cursors), Left: strings.HasPrefix(cursors, "left\t")}
	}
	return nil
}
