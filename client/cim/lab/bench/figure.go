package bench

import (
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/procstat"
)

// Figure is one measured value of a run.
type Figure struct {
	Name  string
	Unit  string // "1/s", "us", "ms", "bytes", "%", or unitCount
	Value float64
}

// unitCount is the unit of a count. The counts of all runs are added up.
const unitCount = ""

// per returns a / b, or zero if b is zero.
func per(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func rate(name string, n int64, took time.Duration) Figure {
	return Figure{name, "1/s", per(float64(n), took.Seconds())}
}

func milliseconds(name string, d time.Duration) Figure {
	return Figure{name, "ms", float64(d) / float64(time.Millisecond)}
}

// latency returns four figures for a histogram. It returns none if the histogram is empty,
// because a server does not do what the histogram measures.
func latency(what string, h *procstat.Histogram) []Figure {
	figures := typical(what, h)
	if len(figures) == 0 {
		return nil
	}
	return append(figures, milliseconds(what+" p999", h.Quantile(0.999)), milliseconds(what+" max", h.Max()))
}

// typical returns two figures for a histogram.
func typical(what string, h *procstat.Histogram) []Figure {
	if h.Count() == 0 {
		return nil
	}
	return []Figure{milliseconds(what+" p50", h.Quantile(0.5)), milliseconds(what+" p99", h.Quantile(0.99))}
}
