package fault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

type gossipCut struct{}

func (gossipCut) Name() string { return "gossip-cut" }
func (gossipCut) Story() string {
	return "no gossip passes between any two nodes: each sees only itself, while clients and routes reach all"
}
func (gossipCut) Hits() Class             { return Gossip }
func (gossipCut) Missing(w *World) string { return w.noNetwork }
func (gossipCut) Rhythm() Rhythm {
	return Rhythm{Every: Span{20 * time.Second, 40 * time.Second}, Lasts: Span{4 * time.Second, 20 * time.Second}}
}

func (gossipCut) Inject(ctx context.Context, w *World, _ Strike) (Wound, error) {
	ports, err := w.gossipPorts()
	if err != nil {
		return Wound{}, err
	}
	rules := make(map[string][]string)
	for _, port := range ports {
		for _, protocol := range []string{udp, tcp} {
			rules[protocol+port] = []string{"pref", "1", "ipproto", protocol, "dport", port, "blackhole"}
		}
	}
	mend := func(ctx context.Context) error {
		for name, rule := range rules {
			if err := ip(ctx, append([]string{"rule", "delete"}, rule...)...); err != nil {
				return err
			}
			delete(rules, name)
		}
		return nil
	}
	for _, rule := range rules {
		if err := ip(ctx, append([]string{"rule", "add"}, rule...)...); err != nil {
			return Wound{}, errors.Join(err, mend(ctx))
		}
	}
	return Wound{What: "gossip cut", Heal: mend}, nil
}

// gossipPorts returns the gossip ports of all nodes that were ever started, including the
// present nodes.
func (w *World) gossipPorts() ([]string, error) {
	var ports []string
	for _, n := range w.cluster.Nodes() {
		_, port, err := net.SplitHostPort(n.Gossip)
		if err != nil {
			return nil, fmt.Errorf("gossip address of %s: %w", n.ID, err)
		}
		ports = append(ports, port)
	}
	slices.Sort(ports)
	return slices.Compact(ports), nil
}
