package fault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"time"
)

type lossyNet struct{}

func (lossyNet) Name() string { return "lossy-net" }
func (lossyNet) Story() string {
	return "packets from and to a node and a route are lost, late, out of order and few: of clients, calls and gossip"
}
func (lossyNet) Hits() Class { return Link }
func (lossyNet) Missing(w *World) string {
	if w.noNetwork != "" {
		return w.noNetwork
	}
	// Only a try shows whether this works here. The system may lack the device, or may
	// not allow it in a container.
	device, err := openLink(context.Background())
	if err != nil {
		return err.Error()
	}
	_ = device.Close() // no packet went through the device yet
	return ""
}
func (lossyNet) Rhythm() Rhythm {
	return Rhythm{Every: Span{12 * time.Second, 25 * time.Second}, Lasts: Span{3 * time.Second, 8 * time.Second}}
}

func (lossyNet) Inject(ctx context.Context, w *World, s Strike) (Wound, error) {
	line := newLine(s.Roll)
	node := w.seats[line.rng.IntN(len(w.seats))].current()
	routes := w.cluster.RouteURLs()
	route, err := url.Parse(routes[line.rng.IntN(len(routes))])
	if err != nil {
		return Wound{}, fmt.Errorf("address of a route: %w", err)
	}
	divert, err := linkRules(node.Gossip, node.Gossip, node.Client, node.HTTP, route.Host)
	if err != nil {
		return Wound{}, err
	}
	device, err := openLink(ctx)
	if err != nil {
		return Wound{}, err
	}
	stop := during(ctx, func(ctx context.Context) error { return carry(ctx, device, line) })
	// Packets under way are lost with the link.
	heal := func(ctx context.Context) error {
		return errors.Join(ip(ctx, "rule", "flush", "table", linkTable), stop(ctx))
	}
	for _, rule := range divert {
		if err := ip(ctx, append([]string{"rule", "add"}, rule...)...); err != nil {
			return Wound{}, errors.Join(err, heal(ctx))
		}
	}
	return Wound{What: fmt.Sprintf("%s and %s behind a bad link (%v)", node.ID, route.Host, line), Heal: heal}, nil
}

// linkTable is the number of the routing table that leads into the link. The run's own
// network has no other table with this number.
const linkTable = "7"

// The protocols of rules, by their numbers (IANA). The command ip knows their names only
// from /etc/protocols, which Debian has in a package of its own, netbase.
const (
	tcp = "6"
	udp = "17"
)

// linkRules returns the routing rules that lead traffic into the link. That is UDP traffic
// from and to the address in the parameter packets. It is also TCP traffic from and to the
// addresses in the parameter connections. The rules apply to traffic that this machine
// sends (iif lo), and not to packets that come out of the link. They come after the rules
// of gossip-cut.
func linkRules(packets string, connections ...string) (rules [][]string, err error) {
	add := func(protocol, address string) {
		_, port, failed := net.SplitHostPort(address)
		err = errors.Join(err, failed)
		for _, end := range []string{"sport", "dport"} {
			rules = append(rules, []string{"pref", "2", "iif", "lo", "ipproto", protocol, end, port, "lookup", linkTable})
		}
	}
	add(udp, packets)
	for _, address := range connections {
		add(tcp, address)
	}
	return rules, err
}

// line decides what a bad link does to each packet. That depends on its seed and on when
// packets come.
type line struct {
	rng   *rand.Rand
	loss  float64 // of 1
	delay Span    // drawn for each packet, so packets may overtake each other
	rate  int     // bytes per second, of both directions together

	free time.Time // when the line will have sent all accepted packets
}

// longestQueue limits how much traffic may wait in the line. The limit is as much as the
// line carries in this time. Further packets are lost, as in a router whose buffer is
// full.
const longestQueue = 300 * time.Millisecond

// newLine draws a line at random. The best one is like a distant host, and the worst one
// is a very bad connection.
func newLine(seed uint64) *line {
	rng := rand.New(rand.NewPCG(seed, hash("line")))
	shortest := Span{20 * time.Millisecond, 80 * time.Millisecond}.draw(rng)
	return &line{
		rng:   rng,
		loss:  0.05 + 0.15*rng.Float64(),
		delay: Span{shortest, shortest + Span{20 * time.Millisecond, 120 * time.Millisecond}.draw(rng)},
		rate:  (32 + rng.IntN(225)) << 10,
	}
}

func (l *line) String() string {
	ms := time.Millisecond
	return fmt.Sprintf("%.0f %% lost, %v to %v late, %d kB/s",
		100*l.loss, l.delay.Min.Round(ms), l.delay.Max.Round(ms), l.rate>>10)
}

// take returns the arrival time of a packet that enters the line now. The parameter size
// is in bytes. If the packet is lost, take returns false.
func (l *line) take(now time.Time, size int) (arrives time.Time, ok bool) {
	lost, late := l.rng.Float64() < l.loss, l.delay.draw(l.rng)
	begins := now
	if l.free.After(now) {
		begins = l.free
	}
	if lost || begins.Sub(now) > longestQueue {
		return time.Time{}, false
	}
	l.free = begins.Add(time.Duration(size) * time.Second / time.Duration(l.rate))
	return l.free.Add(late), true
}
