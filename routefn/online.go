package routefn

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/ring"
)

const (
	defaultPage = 100
	maxPage     = 1000
	// nodesAsked bounds the nodes that one request asks at a time: a cluster of a
	// thousand is through in the time of sixteen answers.
	nodesAsked = 64
)

// Online serves GET /v1/online: a page of the users that are connected, by
// ascending id.
func (rt *Route) Online(w http.ResponseWriter, r *http.Request) {
	rt.serveCaller(w, r, "online", func(ctx context.Context, _ token.Token) (any, error) {
		p, err := parsePage(r.URL.Query())
		if err != nil {
			return nil, err
		}
		if err := rt.cfg.Store.Judge(ctx); err != nil { // it asks the store for nothing else
			return nil, err
		}
		return rt.online(ctx, p)
	})
}

// A page says which users are asked for.
type page struct {
	after  int64
	limit  int
	prefix string // of the name
}

func parsePage(q url.Values) (page, error) {
	p := page{limit: defaultPage, prefix: q.Get("prefix")}
	var err error
	if s := q.Get("after"); s != "" {
		if p.after, err = strconv.ParseInt(s, 10, 64); err != nil || p.after < 0 {
			return page{}, invalid("The id to begin after is not a user id.")
		}
	}
	if s := q.Get("limit"); s != "" {
		if p.limit, err = strconv.Atoi(s); err != nil || p.limit < 1 || p.limit > maxPage {
			return page{}, invalid("A page has 1 to 1000 users.")
		}
	}
	if !utf8.ValidString(p.prefix) || utf8.RuneCountInString(p.prefix) > maxName {
		return page{}, invalid("The prefix is not the beginning of a name.")
	}
	return p, nil
}

func (p page) values() url.Values {
	v := url.Values{"after": {strconv.FormatInt(p.after, 10)}, "limit": {strconv.Itoa(p.limit)}}
	if p.prefix != "" {
		v.Set("prefix", p.prefix)
	}
	return v
}

// online asks all nodes that may hold users, draining ones too, and merges their
// pages. A node that does not answer in time is left out and counted: a list of
// most is worth more than none.
func (rt *Route) online(ctx context.Context, p page) (proto.OnlineAnswer, error) {
	view, err := rt.members(ctx)
	if err != nil {
		return proto.OnlineAnswer{}, err
	}
	var (
		mu    sync.Mutex
		pages []proto.OnlineAnswer
		wg    sync.WaitGroup
		slots = make(chan struct{}, nodesAsked)
	)
	for _, m := range view.Members() {
		if m.State == ring.Joining {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			answer, err := rt.nodes.online(ctx, m.HTTP, p.values())
			if err != nil {
				rt.metrics.onlineMissed.Inc()
				rt.cfg.Logger.Debug("node does not list its users", "node", m.ID, "err", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			pages = append(pages, answer)
		})
	}
	wg.Wait()
	return mergePages(pages, p.limit), nil
}

// mergePages merges pages of the same place into one of at most limit users. A
// node may have answered with fewer than it was asked for: whatever lies beyond
// the shortest such page waits for the next one, or its users would be skipped.
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
