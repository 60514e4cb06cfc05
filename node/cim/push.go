package cim

import (
	"encoding/json"
	"maps"
	"strconv"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
)

// Codes of CIM's HTTP answers, which always have status 200.
const (
	codeOK      = "9000"
	codeInvalid = "3000"
	codeOffline = "7000"
)

// pushRequest is the body of the request by which an unmodified CIM route makes a node
// write a message to a client.
type pushRequest struct {
	UserID     int64             `json:"userId"`
	Msg        string            `json:"msg"`
	BatchMsg   []string          `json:"batchMsg"`
	Cmd        string            `json:"cmd"`
	Properties map[string]string `json:"properties"`
}

type envelope struct {
	Code     string  `json:"code"`
	Message  string  `json:"message"`
	ReqNo    *string `json:"reqNo"`
	DataBody any     `json:"dataBody"`
}

// Connections has the connections of this node.
type Connections interface {
	// CIM returns the links of a user's CIM connections.
	CIM(user int64) []*link.Link
}

// Push writes a message of CIM's route to the user's CIM connections. The parameter body
// is the body of the route's request. The result is the JSON value of the answer. The
// message is in no log, and comes once or not at all, like all messages in CIM. Unlike
// CIM's own answer, this answer shows whether a connection of the user took the message.
func Push(body []byte, c Connections) any {
	var request pushRequest
	if json.Unmarshal(body, &request) != nil {
		return envelope{Code: codeInvalid, Message: "invalid argument"}
	}
	frame, ok := request.frame()
	switch {
	case !ok:
		return envelope{Code: codeInvalid, Message: "invalid argument"}
	case !offer(c.CIM(request.UserID), link.NewPacket(frame)):
		return envelope{Code: codeOffline, Message: "receiver is offline"}
	default:
		return envelope{Code: codeOK, Message: "Success", DataBody: map[string]string{"msg": "OK"}}
	}
}

// offer offers the packet to all links and reports whether one of them took it.
func offer(links []*link.Link, p *link.Packet) bool {
	taken := false
	for _, l := range links {
		if l.Offer(p) {
			taken = true
		}
	}
	return taken
}

// frame returns the push as CIM's client reads it.
func (p *pushRequest) frame() (*proto.Frame, bool) {
	cmd, ok := proto.Command_value[p.Cmd]
	live := proto.Command(cmd) == proto.Command_MESSAGE
	waited := proto.Command(cmd) == proto.Command_OFFLINE
	if !ok || !live && !waited || p.UserID < 1 || p.UserID > proto.MaxUser || p.Msg == "" && len(p.BatchMsg) == 0 {
		return nil, false
	}
	f := &proto.Frame{
		Cmd: proto.Command(cmd), RequestId: p.UserID, ReqMsg: p.Msg, BatchReqMsg: p.BatchMsg,
		Properties: map[string]string{propertyReceiver: strconv.FormatInt(p.UserID, 10)},
	}
	maps.Copy(f.Properties, p.Properties)
	return f, true
}
