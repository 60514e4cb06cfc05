package cim

import (
	"strconv"

	"github.com/cim-go/cim/proto"
)

// Names of the properties of CIM's pushes. CIM's client fails on a push without the
// receiver.
const (
	propertySender     = "sendUserId"
	propertySenderName = "sendUserName"
	propertyReceiver   = "receiveUserId"
)

// maxRun bounds the text in one OFFLINE frame (a run), in bytes.
const maxRun = 32 << 10

// cimLive returns the frame with which CIM pushes one message.
func cimLive(m proto.Message, receiver int64) *proto.Frame {
	return &proto.Frame{
		Cmd: proto.Command_MESSAGE, RequestId: receiver, ReqMsg: m.Text, Properties: cimProperties(m, receiver),
	}
}

func cimProperties(m proto.Message, receiver int64) map[string]string {
	return map[string]string{
		propertySender:     strconv.FormatInt(m.From, 10),
		propertySenderName: m.FromName,
		propertyReceiver:   strconv.FormatInt(receiver, 10),
	}
}

// run is a frame of messages that waited, with their places.
type run struct {
	frame  *proto.Frame     // nil: there is nothing to show
	places []proto.Position // of the messages in frame and of those that are not shown
}

// cimRuns returns the OFFLINE frames of waiting messages. There is one frame for each run
// of messages from the same sender, because a frame of CIM names only one sender. A
// message that is not shown counts as a part of the run before or after it.
func cimRuns(messages []proto.Message, receiver int64, shown func(proto.Message) bool) []run {
	var runs []run
	var frame *proto.Frame
	var sender proto.Message // the first message of frame
	size := 0
	for _, m := range messages {
		if !shown(m) {
			if len(runs) == 0 {
				runs = append(runs, run{})
			}
			last := &runs[len(runs)-1]
			last.places = append(last.places, m.At)
			continue
		}
		same := frame != nil && m.From == sender.From && m.FromName == sender.FromName && size+len(m.Text) <= maxRun
		if !same {
			frame = &proto.Frame{
				Cmd: proto.Command_OFFLINE, RequestId: receiver, Properties: cimProperties(m, receiver),
			}
			runs = append(runs, run{frame: frame})
			sender, size = m, 0
		}
		frame.BatchReqMsg = append(frame.BatchReqMsg, m.Text)
		size += len(m.Text)
		last := &runs[len(runs)-1]
		last.places = append(last.places, m.At)
	}
	return runs
}

// cimShown reports whether a CIM client is shown the message. A client is not shown its
// own messages, because it prints them itself.
func cimShown(m proto.Message, receiver int64) bool {
	return m.Kind == proto.Kind_TEXT && (m.From != receiver || m.To == receiver)
}
