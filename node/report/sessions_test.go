package report

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/proto"
)

// device is a session of the user with that number.
type device int64

func (d device) Current() *proto.Session { return &proto.Session{User: int64(d), Number: int64(d)} }

// The store takes no cursors from a closed number. So a connection's acknowledgements
// are reported before its closing or with it, however many others wait.
func TestClosingIsNotReportedBeforeWhatWasAcknowledged(t *testing.T) {
	for name, reported := range map[string]struct{ inFlight bool }{
		"it waits":                   {},
		"it is in flight, and fails": {inFlight: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewSessions(Config{MarksDropped: prometheus.NewCounter(prometheus.CounterOpts{})})
			r.size = 1
			ack := func(user int64) device {
				d := device(user)
				r.Acked(d, []*proto.Mark{{Log: proto.Inbox, Epoch: 9, Number: 1}}, nil)
				return d
			}
			left := ack(1)
			var failed *report
			if reported.inFlight {
				failed = r.take()
			}
			r.Closed(left, left.Current())
			for user := range int64(100) {
				ack(2 + user)
			}
			if failed != nil {
				r.putBack(failed)
			}
			b := r.take()
			if len(b.request.Closed) != 1 || len(b.request.Acked) != 1 || b.request.Acked[0].Session.User != 1 {
				t.Errorf("reported %v", b.request)
			}
		})
	}
}

func TestReportIsAsLargeAsRoutesCanAnswer(t *testing.T) {
	const timeout = 3 * time.Second
	for name, tt := range map[string]struct {
		size, items       int
		took              time.Duration
		untouched, failed bool
		want              int
	}{
		"fast and used":        {size: 64, items: 40, took: 10 * time.Millisecond, want: 128},
		"fast, nobody waits":   {size: 64, items: 3, took: time.Millisecond, want: 64},
		"fast, at its largest": {size: maxReport, items: maxReport, took: time.Millisecond, want: maxReport},
		"not slow":             {size: 64, items: 64, took: 900 * time.Millisecond, want: 80},
		"not slow, and small":  {size: 1, items: 1, took: 900 * time.Millisecond, want: 2},
		"neither":              {size: 64, items: 64, took: 1200 * time.Millisecond, want: 64},
		"slow":                 {size: 64, items: 64, took: 1600 * time.Millisecond, want: 32},
		"failed":               {size: 512, items: 512, took: timeout, failed: true, want: 256},
		"failed, and small":    {size: 512, items: 20, took: timeout, failed: true, want: 10},
		"failed alone":         {size: 1, items: 1, took: timeout, failed: true, want: 1},
		"refused":              {size: 512, items: 512, untouched: true, failed: true, want: 512},
	} {
		if got := nextSize(tt.size, tt.items, tt.took, timeout, tt.untouched, tt.failed); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}
