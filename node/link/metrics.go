package link

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/cim-go/cim/proto"
)

// dropReason is the reason why a packet was not queued.
type dropReason int

const (
	kept        dropReason = iota
	dropClosed             // the link was closing
	dropLagging            // the link's queue was full; NEWEST reports the place
	dropEncode             // the frame cannot be encoded: a bug
	dropReasons
)

var dropNames = [dropReasons]string{kept: "", dropClosed: "closed", dropLagging: "lagging", dropEncode: "encode"}

// metrics are those of a Server. The metrics of the hot path are looked up once.
type metrics struct {
	in, out [commands]prometheus.Counter
	drops   [dropReasons]prometheus.Counter
	closes  map[proto.Code]prometheus.Counter
	others  prometheus.Counter // counts closings with a code that this process does not know
	refused prometheus.Counter
	crowded prometheus.Counter
	links   *prometheus.GaugeVec
	waiting prometheus.Gauge
}

// commands is the number of counters by command. Counter 0 counts commands without a
// name. Command 0, the login, has counter 1, and so on.
const commands = int(proto.Command_DELIVERED) + 2

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	m := &metrics{closes: make(map[proto.Code]prometheus.Counter)}
	frames := f.NewCounterVec(prometheus.CounterOpts{
		Name: "cim_node_frames_total", Help: "Frames received and queued, by direction and command.",
	}, []string{"direction", "command"})
	for i := range commands {
		name := "other"
		if _, ok := proto.Command_name[int32(i-1)]; ok {
			name = proto.Command(i - 1).String()
		}
		m.in[i] = frames.WithLabelValues("in", name)
		m.out[i] = frames.WithLabelValues("out", name)
	}
	drops := f.NewCounterVec(prometheus.CounterOpts{
		Name: "cim_node_drops_total", Help: "Frames that were not queued, by reason.",
	}, []string{"reason"})
	for reason := dropClosed; reason < dropReasons; reason++ {
		m.drops[reason] = drops.WithLabelValues(dropNames[reason])
	}
	closes := f.NewCounterVec(prometheus.CounterOpts{
		Name: "cim_node_closes_total", Help: "Links closed, by code; ok: the peer went.",
	}, []string{"code"})
	for _, code := range proto.Codes() {
		m.closes[code] = closes.WithLabelValues(code.String())
	}
	m.others = closes.WithLabelValues("code-other")
	m.refused = f.NewCounter(prometheus.CounterOpts{
		Name: "cim_node_links_refused_total", Help: "Connections closed unheard because of the limit of links.",
	})
	m.crowded = f.NewCounter(prometheus.CounterOpts{
		Name: "cim_node_links_crowded_total",
		Help: "Connections closed because their address had too many that had not logged in.",
	})
	m.links = f.NewGaugeVec(prometheus.GaugeOpts{
		Name: "cim_node_links", Help: "Links, by transport and state, counted once a second.",
	}, []string{"transport", "state"})
	m.waiting = f.NewGauge(prometheus.GaugeOpts{
		Name: "cim_node_outbox_bytes", Help: "Bytes that wait to be written on all links, counted once a second.",
	})
	return m
}

func slot(c proto.Command) int {
	if c < 0 || int(c)+1 >= commands {
		return commandOther
	}
	return int(c) + 1
}

const commandOther = 0

func (m *metrics) received(c proto.Command) { m.in[slot(c)].Inc() }

func (m *metrics) sent(c proto.Command, n int) { m.out[slot(c)].Add(float64(n)) }

func (m *metrics) queued(c proto.Command, dropped dropReason) {
	if dropped != kept {
		m.drops[dropped].Inc()
		return
	}
	m.sent(c, 1)
}

func (m *metrics) closed(code proto.Code) {
	if c, ok := m.closes[code]; ok {
		c.Inc()
		return
	}
	m.others.Inc()
}

var (
	transportNames = [forms]string{formTCP: "tcp", formBinary: "websocket", formJSON: "websocket-json"}
	phaseNames     = [...]string{"connecting", "open", "lagging", "closing"}
)

// census has the counts of links that a sweep makes.
type census struct {
	links  [forms][len(phaseNames)]int
	queued int
}

func (m *metrics) hold(c *census) {
	for f, phases := range c.links {
		for phase, n := range phases {
			m.links.WithLabelValues(transportNames[f], phaseNames[phase]).Set(float64(n))
		}
	}
	m.waiting.Set(float64(c.queued))
}
