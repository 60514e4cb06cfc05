package node

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
)

// Codes of CIM's HTTP answers, which have status 200 whatever they say.
const (
	cimOK      = "9000"
	cimInvalid = "3000"
	cimOffline = "7000"
)

// cimPush is what an unmodified CIM route asks a node to write.
type cimPush struct {
	UserID     int64             `json:"userId"`
	Msg        string            `json:"msg"`
	BatchMsg   []string          `json:"batchMsg"`
	Cmd        string            `json:"cmd"`
	Properties map[string]string `json:"properties"`
}

type cimEnvelope struct {
	Code     string  `json:"code"`
	Message  string  `json:"message"`
	ReqNo    *string `json:"reqNo"`
	DataBody any     `json:"dataBody"`
}

// serveCIMPush writes a message of CIM's route to the user's CIM connections. It
// is in no log and comes once or not at all, as CIM's do; unlike CIM it says so
// when the user is not here or takes no more.
func (n *Node) serveCIMPush(w http.ResponseWriter, r *http.Request) {
	body, ok := readBody(w, r, maxCIMPush)
	if !ok {
		return
	}
	var request cimPush
	frame, ok := (*proto.Frame)(nil), false
	if json.Unmarshal(body, &request) == nil {
		frame, ok = request.frame()
	}
	switch {
	case !ok:
		writeJSON(w, http.StatusOK, cimEnvelope{Code: cimInvalid, Message: "invalid argument"})
	case !n.offerCIM(request.UserID, link.NewPacket(frame)):
		writeJSON(w, http.StatusOK, cimEnvelope{Code: cimOffline, Message: "receiver is offline"})
	default:
		writeJSON(w, http.StatusOK, cimEnvelope{Code: cimOK, Message: "Success", DataBody: map[string]string{"msg": "OK"}})
	}
}

// frame returns the push as CIM's client reads it.
func (p *cimPush) frame() (*proto.Frame, bool) {
	cmd, ok := proto.Command_value[p.Cmd]
	live := proto.Command(cmd) == proto.Command_MESSAGE
	waited := proto.Command(cmd) == proto.Command_OFFLINE
	if !ok || !live && !waited || p.UserID < 1 || p.Msg == "" && len(p.BatchMsg) == 0 {
		return nil, false
	}
	f := &proto.Frame{
		Cmd: proto.Command(cmd), RequestId: p.UserID, ReqMsg: p.Msg, BatchReqMsg: p.BatchMsg,
		Properties: map[string]string{propertyReceiver: strconv.FormatInt(p.UserID, 10)},
	}
	maps.Copy(f.Properties, p.Properties)
	return f, true
}

// offerCIM reports whether a CIM connection of the user took the packet.
func (n *Node) offerCIM(user int64, p *link.Packet) bool {
	taken := false
	for _, s := range n.hub.Peers(user) {
		if s.feed != nil && s.link.Offer(p) {
			taken = true
		}
	}
	return taken
}
