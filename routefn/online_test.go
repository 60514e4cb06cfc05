package routefn

import (
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"pgregory.net/rapid"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
)

func TestOnlineMergesTheNodesPages(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	w.nodes["n1"].users = []proto.User{{User: 1, Name: "ada"}, {User: 3, Name: "carl"}, {User: 5, Name: "bob"}}
	w.nodes["n2"].users = []proto.User{{User: 2, Name: "carla"}, {User: 3, Name: "carl"}}
	var answer proto.OnlineAnswer
	if code := w.get(proto.PathOnline+"?limit=2", alice.Token, &answer); code != proto.OK {
		t.Fatal(code)
	}
	if ids := idsOf(answer); !slices.Equal(ids, []int64{1, 2}) || answer.Next != 2 || answer.Total != 5 {
		t.Fatalf("first page %+v", answer)
	}
	answer = proto.OnlineAnswer{}
	if code := w.get(proto.PathOnline+"?limit=2&after=2", alice.Token, &answer); code != proto.OK {
		t.Fatal(code)
	}
	if ids := idsOf(answer); !slices.Equal(ids, []int64{3, 5}) || answer.Next != 0 {
		t.Fatalf("second page %+v", answer)
	}
	answer = proto.OnlineAnswer{}
	w.get(proto.PathOnline+"?prefix=carl", alice.Token, &answer)
	if ids := idsOf(answer); !slices.Equal(ids, []int64{2, 3}) {
		t.Fatalf("of the prefix: %+v", answer)
	}
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
	if took := time.Since(start); took > wait.Slack*3*nodeTimeout {
		t.Fatalf("waited %v for a node that does not answer", took)
	}
	if n := testutil.ToFloat64(w.route.metrics.onlineMissed); n != 1 {
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

// Whatever the nodes hold, and however few users they are willing to list at a
// time, walking the pages lists everybody once and in order.
func TestWalkingThePagesListsEverybodyOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		held := rapid.SliceOfN(rapid.SliceOfDistinct(rapid.Int64Range(1, 60), rapid.ID[int64]), 0, 4).Draw(t, "held")
		limit := rapid.IntRange(1, 10).Draw(t, "limit")
		nodeLimit := rapid.IntRange(1, 10).Draw(t, "node limit")
		var all, walked []int64
		for _, users := range held {
			slices.Sort(users)
			all = append(all, users...)
		}
		slices.Sort(all)
		all = slices.Compact(all)
		for after := int64(0); ; {
			pages := make([]proto.OnlineAnswer, len(held))
			for i, users := range held {
				pages[i] = pageOf(users, after, min(limit, nodeLimit))
			}
			merged := mergePages(pages, limit)
			if len(merged.Users) > limit {
				t.Fatalf("%d users in a page of %d", len(merged.Users), limit)
			}
			walked = append(walked, idsOf(merged)...)
			if merged.Next == 0 {
				break
			}
			if merged.Next <= after {
				t.Fatalf("next is %d after %d", merged.Next, after)
			}
			after = merged.Next
		}
		if !slices.Equal(walked, all) {
			t.Fatalf("walked %v of %v", walked, all)
		}
	})
}

func pageOf(users []int64, after int64, limit int) (answer proto.OnlineAnswer) {
	for _, u := range users {
		if u <= after {
			continue
		}
		if len(answer.Users) == limit {
			answer.Next = answer.Users[limit-1].User
			break
		}
		answer.Users = append(answer.Users, proto.User{User: u})
	}
	return answer
}
