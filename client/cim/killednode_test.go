package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/ring"
)

// After a node was killed, gossip and the members that routes ask for need some seconds
// to say so. Meanwhile people were sent there and found nobody.
func TestNoLoginNamesAKilledNode(t *testing.T) {
	for name, c := range map[string]up.Config{
		"two routes": {Nodes: 3, Routes: 2},
		"a function": {Nodes: 3, Route: up.RouteLambda},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := startCluster(t, c)
			routes := cluster.RouteURLs()
			var view *ring.View // that of the last route, since a function's next instance may know fewer
			eventually(t, "the routes know three nodes", func() bool {
				return !slices.ContainsFunc(routes, func(url string) bool {
					view = ring.NewView(membersAt(t, url))
					return view.Ring().Len() != 3
				})
			})
			const users = 30
			ids := make([]int64, users)
			at := make([]string, users)
			for i := range users {
				ids[i] = cimRegister(t, routes[0], fmt.Sprintf("user-%d", i))
				owner, _ := view.Ring().Owner(ids[i])
				member, _ := view.Member(owner)
				at[i] = member.Client
			}
			elsewhere := "" // the last one who was sent to another node
			defer func() {
				if t.Failed() {
					t.Log(elsewhere)
				}
			}()
			eventually(t, "everybody is sent to the owner", func() bool { // a function's instances learn each by itself
				for i := range users {
					for _, url := range routes {
						if got := namedFor(t, url, ids[i], i); got != at[i] {
							elsewhere = fmt.Sprintf("user %d was sent to %s instead of %s", i, got, at[i])
							return false
						}
					}
				}
				return true
			})
			dead := nodeAt(t, cluster, at[0])
			dead.Kill()
			killed := time.Now()
			// Each route is asked by itself until the members know. A stream that broke tells
			// at once; a function keeps none, and believes what it knew for a second.
			most := time.Second
			if c.Route == up.RouteLambda {
				most = 2 * time.Second
			}
			var asking sync.WaitGroup
			for n, url := range routes {
				asking.Go(func() {
					logins, named, last := 0, 0, time.Duration(0)
					for gone := false; !gone; gone = len(membersAt(t, url)) == 2 {
						for i := range users {
							begun := time.Now()
							got := namedFor(t, url, ids[i], i)
							logins++
							if got == dead.Client {
								named, last = named+1, begun.Sub(killed)
							} else if at[i] != dead.Client && got != at[i] {
								t.Errorf("user %d, whose node lives, was sent to %s instead of %s", i, got, at[i])
							}
						}
					}
					t.Logf("route %d: %d of %d logins named the dead node, the last of them began %v after the kill; the members knew after %v",
						n+1, named, logins, last.Round(time.Millisecond), time.Since(killed).Round(time.Millisecond))
					if last > most {
						t.Errorf("route %d named the dead node for %v, want %v at most", n+1, last, most)
					}
				})
			}
			asking.Wait()
		})
	}
}

func namedFor(t *testing.T, route string, user int64, i int) string {
	t.Helper()
	var answer struct{ DataBody cimAddress }
	eventually(t, "the route answers", func() bool { // a function is killed now and then
		status, body := call(t, http.MethodPost, route+"/login", "", fmt.Appendf(nil, `{"userId":%d,"userName":"user-%d"}`, user, i))
		return status == http.StatusOK && json.Unmarshal(body, &answer) == nil
	})
	return answer.DataBody.client()
}

// membersAt returns the members that a route knows.
func membersAt(t *testing.T, route string) (members []ring.Member) {
	t.Helper()
	eventually(t, "the route lists its members", func() bool { // a function is killed now and then
		body, err := fetchMembers(t.Context(), http.DefaultClient, route)
		return err == nil && json.Unmarshal(body, &members) == nil
	})
	return members
}
