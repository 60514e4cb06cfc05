package routeserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/proto/ports"
	"github.com/cim-go/cim/proto/wait"
)

// Strangers send headers and the first bytes of bodies, and no more. A client at the
// same address is served nevertheless, with and without a bound on connections.
func TestUnfinishedBodiesKeepNobodyOut(t *testing.T) {
	for _, perAddress := range []string{"256", "-1"} {
		t.Run(perAddress, func(t *testing.T) {
			at := ports.ForTest(t)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				ended <- Run(ctx, []string{"-listen", at, "-redis", "embedded", "-auth", "open", "-per-address", perAddress,
					"-ring", "seed:" + ports.ForTest(t)}, io.Discard)
			}()
			wait.Until(t, "it is alive", func() bool {
				r, err := http.Get("http://" + at + "/healthz")
				if err != nil {
					return false
				}
				r.Body.Close()
				return r.StatusCode == http.StatusOK
			})
			var strangers []net.Conn
			for i := range 500 {
				conn, err := net.Dial("tcp", at)
				if err != nil {
					t.Fatal(err)
				}
				strangers = append(strangers, conn)
				path := []string{"login", "register", "send", "pull"}[i%4]
				fmt.Fprintf(conn, "POST /v1/%s HTTP/1.1\r\nHost: x\r\nContent-Length: 200\r\n\r\n{", path)
			}
			time.Sleep(time.Second) // after that time a place may be taken away
			for i := range 10 {
				r, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Post("http://"+at+"/v1/register",
					"application/json", strings.NewReader(fmt.Sprintf(`{"name":"alice-%d"}`, i)))
				if err != nil {
					t.Fatal(err)
				}
				r.Body.Close()
				if r.StatusCode != http.StatusOK {
					t.Errorf("%d: status %d", i, r.StatusCode)
				}
			}
			r, err := http.Get("http://" + at + "/metrics")
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(r.Body)
			r.Body.Close()
			counted := !strings.Contains(string(b), "\ncim_route_connections_crowded_total 0\n")
			if counted != (perAddress == "256") {
				t.Errorf("connections were counted as turned away: %v", counted)
			}
			for _, conn := range strangers {
				conn.Close()
			}
			stop()
			if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}
