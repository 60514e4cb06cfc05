package nodeserver

import (
	"strings"
	"testing"

	"github.com/cim-go/cim/proto/process"
)

// A node whose names are configured still answers clients that know it by its
// advertised address.
func TestNodeKnowsItsAdvertisedAddress(t *testing.T) {
	for _, c := range []struct{ hosts, listens, advertised, want string }{
		{"", "10.0.0.7:8081", "node-1.example.org:8081", ""},
		{"chat.example.org", "10.0.0.7:8081", "node-1.example.org:8081", "chat.example.org,node-1.example.org:8081"},
		{"", "127.0.0.1:8081", "127.0.0.1:8081", "127.0.0.1:8081"},
		{"", "127.0.0.1:11211", "wss://chat.example.org:443/one", "chat.example.org:443"},
	} {
		var p process.Pages
		if err := p.Hosts.Set(c.hosts); err != nil {
			t.Fatal(err)
		}
		got := known(p, c.listens, c.advertised)
		if text := strings.Join(got.Hosts, ","); text != c.want {
			t.Errorf("%+v: %s", c, text)
		}
		if _, err := got.Guard(c.listens, nil, nil); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
