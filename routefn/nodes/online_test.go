package nodes

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cim-go/cim/proto"
)

// Reading page after page lists every user once and in order, whichever users the nodes
// hold, and however few users they list at a time.
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

func idsOf(a proto.OnlineAnswer) []int64 {
	ids := make([]int64, len(a.Users))
	for i, u := range a.Users {
		ids[i] = u.User
	}
	return ids
}
