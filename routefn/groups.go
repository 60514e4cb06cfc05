package routefn

import (
	"cmp"
	"context"
	"net/http"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/record"
)

// Groups serves GET /v1/groups: the groups that the caller belongs to.
func (rt *Route) Groups(w http.ResponseWriter, r *http.Request) {
	rt.serveCaller(w, r, "groups", func(ctx context.Context, caller token.Token) (any, error) {
		groups, err := rt.cfg.Store.Groups(ctx, caller.User)
		if err != nil {
			return nil, err
		}
		answer := proto.GroupsAnswer{Groups: make([]proto.Group, len(groups))} // never null in JSON
		for i, g := range groups {
			answer.Groups[i] = proto.Group{Group: g.Group, Name: g.Name, Members: g.Members, Creator: g.Creator}
		}
		return answer, nil
	})
}

// enterGroups enters a node for the groups of those who opened, once a group, and
// returns the newest position of each group that each belongs to. An opening for
// which a group could not be asked gets the error. CIM's clients follow no groups.
func (rt *Route) enterGroups(ctx context.Context, lease record.Lease, openings []record.Opening, opened []record.Opened) [][]proto.Position {
	newest := make([][]proto.Position, len(opened))
	var groups []record.Entering
	var places [][]int // of each group's users, among the openings
	at := make(map[int64]int)
	for i, o := range opened {
		if o.Err != nil || openings[i].Device == proto.CIMDevice {
			continue
		}
		for _, id := range o.Groups {
			k, ok := at[id]
			if !ok {
				k = len(groups)
				at[id] = k
				groups, places = append(groups, record.Entering{Group: id}), append(places, nil)
			}
			groups[k].Users = append(groups[k].Users, openings[i].User)
			places[k] = append(places[k], i)
		}
	}
	for k, e := range rt.cfg.Store.EnterNode(ctx, lease, groups) {
		for j, i := range places[k] {
			switch {
			case e.Err == nil && e.Joined[j] > 0:
				newest[i] = append(newest[i], e.Newest)
			case mayRetry(e.Err): // or he would miss what is said there from now on
				opened[i].Err = cmp.Or(opened[i].Err, e.Err)
			}
		}
	}
	return newest
}
