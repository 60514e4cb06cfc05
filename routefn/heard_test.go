package routefn

import (
	"net/http"
	"slices"
	"testing"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
)

// A route tells Config.Heard the addresses of nodes that call it. It ignores a caller
// that only claims to be a node.
func TestNodesThatCallAreNoted(t *testing.T) {
	var heard []string
	w := newWorld(t, func(c *Config) { c.Heard = func(node string) { heard = append(heard, node) } })
	n := w.nodes["n1"]
	w.report(n)
	w.node(proto.PathNodeFire, &proto.FireRequest{Origin: n.origin}, new(proto.FireAnswer))
	if at := n.origin.Address; !slices.Equal(heard, []string{at, at}) {
		t.Errorf("noted %q", heard)
	}
	heard = nil
	body, err := pb.Marshal(&proto.ReportRequest{Origin: n.origin})
	if err != nil {
		t.Fatal(err)
	}
	if status, _, _ := w.call(http.MethodPost, proto.PathNodeReport, "no service token", proto.ContentProtobuf, string(body)); status != http.StatusUnauthorized || len(heard) > 0 {
		t.Errorf("without the service token: %d, noted %q", status, heard)
	}
}
