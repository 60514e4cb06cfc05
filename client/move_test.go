package client

import (
	"testing"
	"testing/synctest"

	"github.com/cim-go/cim/proto"
)

func TestMoveKeepsSendingAndReceiving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c := connect(t, k.config())
		next[Connected](t, c)
		old := k.sessions()[0]
		k.setOnLogin(func(*session) *proto.Frame { // the route displaces the old connection first
			old.out.put(&proto.Frame{Cmd: proto.Command_KICK, Code: int32(proto.Replaced)})
			old.out.close()
			return nil
		})
		k.tell(&proto.Frame{Cmd: proto.Command_REDIRECT, Node: "node-2", NodeAddress: "node-2:1", Ticket: "another"})
		if _, err := c.Send(t.Context(), bob, "meanwhile"); err != nil {
			t.Error(err)
		}
		if e := next[Connected](t, c); !e.Moved || e.Node != (proto.Node{ID: "node-2", Address: "node-2:1"}) {
			t.Errorf("%+v", e)
		}
		k.say(proto.Inbox, "over there")
		expect(t, c, "over there")
		if len(k.logins) != 1 {
			t.Errorf("%d logins, want the first only", len(k.logins))
		}
	})
}

func TestFailedMoveLogsInAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c := connect(t, k.config())
		next[Connected](t, c)
		k.mu.Lock()
		k.unreachable["node-9"] = true
		k.mu.Unlock()
		k.tell(&proto.Frame{Cmd: proto.Command_REDIRECT, Node: "node-9", NodeAddress: "node-9:1", Ticket: "another"})
		synctest.Wait()
		if !c.State().Connected() {
			t.Error("the old connection was left")
		}
		k.kick(proto.GoingAway)
		if e := next[Connected](t, c); e.Node.ID != "node-2" {
			t.Errorf("went to %s", e.Node.ID)
		}
	})
}

// The new node opened the session, and its answer was lost. So the client's own move
// displaces its old connection.
func TestReplacedByItsOwnFailedMoveComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c := connect(t, k.config())
		next[Connected](t, c)
		k.setOnLogin(func(s *session) *proto.Frame {
			k.onLogin = nil
			s.out.close()
			return &proto.Frame{Cmd: proto.Command_PING}
		})
		k.tell(&proto.Frame{Cmd: proto.Command_REDIRECT, Node: "node-2", NodeAddress: "node-2:1", Ticket: "another"})
		synctest.Wait()
		k.kick(proto.Replaced)
		next[Connected](t, c)
		if _, err := c.Send(t.Context(), bob, "still here"); err != nil {
			t.Error(err)
		}
	})
}
