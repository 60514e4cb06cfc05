package routefn

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
)

// Messages that a CIM client received, and perhaps did not read, count only if its node
// died. If the node lives, even without answering, the cursor stays, because the node
// may have seen the client die.
func TestReceivedCountsOnlyIfTheNodeDied(t *testing.T) {
	for name, test := range map[string]struct {
		happens func(f *fallen)
		counts  bool
	}{
		"the node was killed": {func(f *fallen) { f.node.stop() }, true},
		"it came back":        {func(f *fallen) { f.node.beAnother() }, true},
		"it came back, and a push found it": {func(f *fallen) {
			f.node.beAnother()
			f.w.send(f.sender, proto.SendMessage{ID: "2", To: f.user, Text: "are you there?"})
			f.w.flush()
		}, true},
		"it holds the connection": {func(*fallen) {}, false},
		"it knows the end, and has not told it": {func(f *fallen) {
			f.node.leave(f.number)
			f.w.send(f.sender, proto.SendMessage{ID: "2", To: f.user, Text: "are you there?"})
			f.w.flush() // by that the number is closed
		}, false},
		"it told the end, and was killed": {func(f *fallen) {
			f.w.close(f.node, &proto.Session{User: f.user, Name: "bob", Device: proto.CIMDevice, Number: f.number})
			f.node.stop()
		}, false},
		"it stands still":             {func(f *fallen) { f.node.pause() }, false},
		"it is of an earlier release": {func(f *fallen) { f.node.origin = &proto.Origin{Address: f.node.origin.Address} }, false},
		"another program is there":    {func(f *fallen) { f.node.server.Config.Handler = http.NotFoundHandler() }, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFallen(t)
			defer f.node.resume()
			test.happens(f)
			f.w.cim("/offLine", fmt.Sprintf(`{"userId":%d}`, f.user))
			for _, again := range []bool{false, true} { // once more, in case that the first answer is lost
				opening := cimOpening(f.user, "bob")
				opening.Again = again
				begun := time.Now()
				o := f.w.report(f.w.nodes["n2"], opening)[0]
				if took := time.Since(begun); o.Code != 0 || took > 5*time.Second {
					t.Fatalf("opened after %v with %v", took, o)
				}
				if got := cursorOf(o, proto.Inbox); (got == f.received) != test.counts || !test.counts && got.Number != 0 {
					t.Errorf("the cursor is at %+v, received was %+v", got, f.received)
				}
			}
		})
	}
}

// A client that closes while messages arrive ends its sending, and then its connection
// is reset. Messages that it had read by then count if it also logs out, before or after its
// node reports that. A client that does not log out may have read nothing.
func TestWhatAClientHadReadWhenItLeftCountsOnlyIfItLogsOut(t *testing.T) {
	for name, test := range map[string]struct {
		happens func(f *fallen)
		counts  bool
	}{
		"it leaves":                                   {func(f *fallen) { f.left() }, false},
		"it leaves, and its node is killed":           {func(f *fallen) { f.left(); f.node.stop() }, false},
		"it leaves and logs out":                      {func(f *fallen) { f.left(); f.logout() }, true},
		"it logs out and leaves":                      {func(f *fallen) { f.logout(); f.left() }, true},
		"it leaves, logs out, and its node is killed": {func(f *fallen) { f.left(); f.logout(); f.node.stop() }, true},
		"it leaves before the end is reported": {func(f *fallen) {
			f.acked(&proto.Acking{Left: []*proto.Mark{f.received.Mark()}})
			f.closes()
			f.logout()
		}, true},
		"an earlier connection left": {func(f *fallen) {
			f.number--
			f.left()
			f.logout()
		}, false},
		"it logs out only": {func(f *fallen) { f.logout() }, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFallen(t)
			test.happens(f)
			for _, again := range []bool{false, true} { // once more, in case that the first answer is lost
				opening := cimOpening(f.user, "bob")
				opening.Again = again
				o := f.w.report(f.w.nodes["n2"], opening)[0]
				if got := cursorOf(o, proto.Inbox); o.Code != 0 || (got == f.received) != test.counts {
					t.Errorf("opened with %v, the cursor is at %+v, received was %+v", o.Code, got, f.received)
				}
			}
		})
	}
}

// fallen is a CIM connection that has received a message, and at whose node something
// happens.
type fallen struct {
	w        *world
	node     *fakeNode
	user     int64
	number   int64
	received proto.Position
	sender   string // token
}

func newFallen(t *testing.T) *fallen {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	f := &fallen{w: w, node: w.nodes["n1"], user: w.register("bob"), sender: alice.Token}
	w.send(alice.Token, proto.SendMessage{ID: "1", To: f.user, Text: "hi"})
	o := w.report(f.node, cimOpening(f.user, "bob"))[0]
	f.number, f.received = o.Number, o.Newest[0].Position()
	f.acked(&proto.Acking{Received: []*proto.Mark{f.received.Mark()}})
	return f
}

func (f *fallen) session() *proto.Session {
	return &proto.Session{User: f.user, Name: "bob", Device: proto.CIMDevice, Number: f.number}
}

// acked has the node report a.
func (f *fallen) acked(a *proto.Acking) {
	a.Session = f.session()
	f.w.node(proto.PathNodeReport, &proto.ReportRequest{Origin: f.node.origin, Acked: []*proto.Acking{a}}, new(proto.ReportAnswer))
}

func (f *fallen) closes() { f.w.close(f.node, f.session()) }

// left has the node report that the connection ended, and how far the client had read
// if it logs out.
func (f *fallen) left() {
	f.closes()
	f.acked(&proto.Acking{Left: []*proto.Mark{f.received.Mark()}})
}

func (f *fallen) logout() { f.w.cim("/offLine", fmt.Sprintf(`{"userId":%d}`, f.user)) }

// beAnother makes the node another process at the same address.
func (n *fakeNode) beAnother() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.origin = &proto.Origin{Node: n.origin.Node, Boot: n.origin.Boot + 100, Address: n.origin.Address}
	clear(n.here)
}
