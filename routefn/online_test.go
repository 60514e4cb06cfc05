package routefn

import (
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/nodes"
)

func TestOnlineMergesTheNodesPages(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	w.nodes["n1"].users = []proto.User{{User: 1, Name: "ada"}, {User: 3, Name: "carl"}, {User: 5, Name: "bob"}}
	w.nodes["n2"].users = []proto.User{{User: 2, Name: "carla"}, {User: 3, Name: "carl"}}
	answer := w.online("limit=2", alice.Token)
	if ids := idsOf(answer); !slices.Equal(ids, []int64{1, 2}) || answer.Next != 2 || answer.Total != 5 {
		t.Fatalf("first page %+v", answer)
	}
	answer = w.online("limit=2&after=2", alice.Token)
	if ids := idsOf(answer); !slices.Equal(ids, []int64{3, 5}) || answer.Next != 0 {
		t.Fatalf("second page %+v", answer)
	}
	answer = w.online("prefix=carl", alice.Token)
	if ids := idsOf(answer); !slices.Equal(ids, []int64{2, 3}) {
		t.Fatalf("of the prefix: %+v", answer)
	}
}

// online returns a page of the users who are online.
func (w *world) online(query, token string) (answer proto.OnlineAnswer) {
	w.t.Helper()
	w.untilComplete(func() {
		answer = proto.OnlineAnswer{}
		if code := w.get(proto.PathOnline+"?"+query, token, &answer); code != proto.OK {
			w.t.Fatal(code)
		}
	})
	return answer
}

// untilComplete calls list until no node was left out of its list of online users. A
// route leaves out nodes that take longer than 300 ms, as each may on a busy machine.
func (w *world) untilComplete(list func()) {
	w.t.Helper()
	wait.Until(w.t, "all nodes list their users", func() bool {
		missed := testutil.ToFloat64(w.route.metrics.OnlineMissed)
		list()
		return testutil.ToFloat64(w.route.metrics.OnlineMissed) == missed
	})
}

func TestOnlineLeavesASilentNodeOut(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	w.nodes["n1"].users = []proto.User{{User: 1, Name: "ada"}}
	w.nodes["n2"].pause()
	start := time.Now()
	var answer proto.OnlineAnswer
	if code := w.get(proto.PathOnline, alice.Token, &answer); code != proto.OK || len(answer.Users) != 1 {
		t.Fatalf("%v, %+v", code, answer)
	}
	if took := time.Since(start); took > wait.Slack*3*nodes.Timeout {
		t.Fatalf("waited %v for a node that does not answer", took)
	}
	if n := testutil.ToFloat64(w.route.metrics.OnlineMissed); n != 1 {
		t.Fatalf("counted %v nodes left out", n)
	}
}

func TestOnlineRefusesWhatIsNoPage(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	for _, query := range []string{"after=-1", "after=x", "limit=0", "limit=1001", "limit=x", "prefix=%ff"} {
		if code := w.get(proto.PathOnline+"?"+query, alice.Token, nil); code != proto.Invalid {
			t.Errorf("%s: %v, want invalid", query, code)
		}
	}
	if code := w.get(proto.PathOnline, "", nil); code != proto.Unauthorized {
		t.Errorf("without a token: %v", code)
	}
}

func idsOf(a proto.OnlineAnswer) []int64 {
	ids := make([]int64, len(a.Users))
	for i, u := range a.Users {
		ids[i] = u.User
	}
	return ids
}
