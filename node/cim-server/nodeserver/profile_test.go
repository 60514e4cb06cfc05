package nodeserver

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
)

// Profiles are at -http of a cluster with a key, or where -pprof says. Neither the port for
// clients nor a route of the same process has them.
func TestProfilesAreWhereClientsAreNot(t *testing.T) {
	key := []string{"-cluster-key", "a key of the tests"}
	for name, c := range map[string]struct {
		args []string
		want int // at -http
	}{
		"without a key":           {nil, http.StatusNotFound},
		"without a key, internal": {[]string{"-pprof", "internal"}, http.StatusOK},
		"with a key":              {key, http.StatusOK},
		"with a key, off":         {append([]string{"-pprof", "off"}, key...), http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			at := freePorts(t, 5)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				ended <- Run(ctx, append([]string{
					"-listen", at[0], "-http", at[1], "-gossip", at[2], "-log", "error", "-audit", "off",
					"-with-route", "-route-listen", at[3], "-internal-listen", at[4], "-redis", "embedded",
				}, c.args...), io.Discard)
			}()
			defer func() {
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}()
			status := func(address, path string) int {
				answer, err := http.Get("http://" + address + path)
				if err != nil {
					return 0
				}
				answer.Body.Close()
				return answer.StatusCode
			}
			for _, address := range []string{at[1], at[3], at[4]} {
				wait.Until(t, address+" is alive", func() bool { return status(address, proto.PathHealth) == http.StatusOK })
			}
			if got := status(at[1], proto.PathProfiles); got != c.want {
				t.Errorf("the node's internal port answers %d, want %d", got, c.want)
			}
			for _, address := range []string{at[3], at[4]} {
				if got := status(address, proto.PathProfiles); got != http.StatusNotFound {
					t.Errorf("the route answers %d at %s", got, address)
				}
			}
			if got := status(at[0], proto.PathProfiles); got == http.StatusOK {
				t.Error("the port for clients has profiles")
			}
		})
	}
}
