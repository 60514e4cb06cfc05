package scale

import (
	"fmt"
	"runtime"
	"time"

	"github.com/cim-go/cim/ring"
)

// Balance has the properties of a ring with a number of members.
type Balance struct {
	Members int           `json:"members"`
	Build   time.Duration `json:"build"`  // time to make the ring
	Memory  int64         `json:"memory"` // bytes of memory for a view of the members
	Pick    time.Duration `json:"pick"`   // time to choose a user's member
	Owned   float64       `json:"owned"`  // users of the fullest member, relative to the mean, if each user were on the member that owns them
	Landed  float64       `json:"landed"` // the same for the members on which users really land, which is bounded
	Home    float64       `json:"home"`   // part of the users who land on the member that owns them
	Join    float64       `json:"join"`   // part of the users whose owner changes when a member joins
	Fair    float64       `json:"fair"`   // the part of Join that cannot be avoided, which is the new member's share
}

// Rings makes a ring of the given number of members, and lands the given number of users
// on it.
func Rings(members, users int) Balance {
	list := nodes(members)
	before := heap()
	begun := time.Now()
	view := ring.NewView(list)
	view.Ring().Owner(0) // the first lookup builds the ring
	b := Balance{Members: members, Build: time.Since(begun), Fair: 1 / float64(members+1)}
	b.Memory = heap() - before
	for _, share := range view.Ring().Shares() {
		b.Owned = max(b.Owned, share*float64(members))
	}
	b.land(view, users)
	b.Join = ring.Moved(view.Ring(), ring.New(nodes(members+1)))
	return b
}

// steps is how often the loads are updated while the users connect. The ring sees a change
// of loads only at the next update.
const steps = 100

// land lands all users on an empty cluster.
func (b *Balance) land(view *ring.View, users int) {
	loads := make(map[string]int64, b.Members)
	home := 0
	var picking time.Duration
	for step := range steps {
		now := view.WithLoads(loads)
		begun := time.Now()
		landed := make([]string, 0, users/steps+1)
		for user := step; user < users; user += steps {
			m, _ := ring.Pick(now, int64(user), "", nil, uint64(user), ring.HashLoop)
			landed = append(landed, m.ID)
		}
		picking += time.Since(begun)
		for i, id := range landed {
			loads[id]++
			if owner, _ := view.Ring().Owner(int64(step + i*steps)); owner == id {
				home++
			}
		}
	}
	for _, load := range loads {
		b.Landed = max(b.Landed, float64(load)*float64(b.Members)/float64(users))
	}
	b.Home = float64(home) / float64(users)
	b.Pick = picking / time.Duration(users)
}

func nodes(n int) []ring.Member {
	list := make([]ring.Member, n)
	for i := range list {
		list[i] = ring.Member{
			ID: fmt.Sprintf("node-%d", i+1), Boot: uint64(i), Weight: 1, State: ring.Serving,
			Client: "10.0.0.1:11211", HTTP: "10.0.0.1:8081", Gossip: "10.0.0.1:7946",
		}
	}
	return list
}

// heap returns the bytes that are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
