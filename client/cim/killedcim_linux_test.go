package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cim-go/cim/client/cim/lab/up"
)

// A CIM client reads and has not pinged when its node is killed (-9). On the next node it is
// shown nothing again that came more than two seconds before, whether the node comes back
// or not.
func TestCIMClientIsShownLittleAgainWhenItsNodeWasKilled(t *testing.T) {
	for name, back := range map[string]bool{"the node stays away": false, "the node comes back": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := startCluster(t, up.Config{Nodes: 2, Routes: 1})
			route := cluster.RouteURLs()[0]
			alice, bob := cimRegister(t, route, "alice"), cimRegister(t, route, "bob")
			at, code := cimLoginAt(t, route, bob, "bob")
			if code != "9000" {
				t.Fatalf("login: %s", code)
			}
			c := dialCIM(t, at.client(), bob, "bob")
			for i := range 5 {
				privately(t, route, alice, bob, fmt.Sprint("old-", i))
			}
			c.until("alice: old-4")
			time.Sleep(3 * time.Second) // one more than is promised: the machine may be busy
			node := nodeAt(t, cluster, at.client())
			node.Kill()
			c.ended(patience)
			cimCode(t, route+"/offLine", fmt.Sprintf(`{"userId":%d}`, bob), nil)
			if back {
				if err := cluster.RestartNode(t.Context(), node); err != nil {
					t.Fatal(err)
				}
			}
			privately(t, route, alice, bob, "new")
			eventually(t, "bob is sent to a node that lives", func() bool {
				at, code = cimLoginAt(t, route, bob, "bob")
				return code == "9000" && (back || at.client() != node.Client)
			})
			if got := dialCIM(t, at.client(), bob, "bob").until("alice: new"); !slices.Equal(got, []string{"alice: new"}) {
				t.Errorf("was shown %q", got)
			}
		})
	}
}
