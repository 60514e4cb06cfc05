package nodes

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/check"
)

// AtATime bounds the nodes that are called at a time on behalf of one request. So a
// cluster of a thousand nodes takes as long as sixteen answers in a row.
const AtATime = 64

// Online returns a page of the users that the members hold, by ascending id. It asks
// serving and draining members. The result missed is the number of nodes that did not
// answer in time. Their users are left out, because an incomplete list is better than
// none.
func (n *Client) Online(ctx context.Context, members []ring.Member, page check.Page) (answer proto.OnlineAnswer, missed int) {
	var (
		mu    sync.Mutex
		pages []proto.OnlineAnswer
		wg    sync.WaitGroup
		slots = make(chan struct{}, AtATime)
	)
	for _, m := range members {
		if m.State == ring.Joining {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			answer, err := n.online(ctx, m.HTTP, page.Values())
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				missed++
				n.cfg.Log.Debug("node does not list its users", "node", m.ID, "err", err)
				return
			}
			pages = append(pages, answer)
		})
	}
	wg.Wait()
	return mergePages(pages, page.Limit), missed
}

// mergePages merges pages that begin after the same id into one page of at most limit
// users. A node may return fewer users than requested although it has more. Then the
// merged page ends at that node's last user. If the page continued, the reader would skip
// the rest of that node's users.
func mergePages(pages []proto.OnlineAnswer, limit int) proto.OnlineAnswer {
	merged := proto.OnlineAnswer{Users: []proto.User{}}
	horizon := proto.MaxUser
	for _, p := range pages {
		merged.Users = append(merged.Users, p.Users...)
		merged.Total += p.Total
		if p.Next > 0 {
			horizon = min(horizon, p.Next)
			merged.Next = horizon
		}
	}
	slices.SortFunc(merged.Users, func(a, b proto.User) int { return cmp.Compare(a.User, b.User) })
	merged.Users = slices.CompactFunc(merged.Users, func(a, b proto.User) bool { return a.User == b.User })
	within, _ := slices.BinarySearchFunc(merged.Users, horizon+1, func(u proto.User, id int64) int { return cmp.Compare(u.User, id) })
	merged.Users = merged.Users[:within]
	if len(merged.Users) > limit {
		merged.Users = merged.Users[:limit]
		merged.Next = merged.Users[limit-1].User
	}
	return merged
}
