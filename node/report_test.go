package node

import (
	"testing"
	"testing/synctest"

	"github.com/cim-go/cim/proto"
)

// All changes of connections while a report is in flight go into the next one together.
func TestReportsFormBatchesWhileOneIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		first := w.login(t, 1, 5)
		second := w.login(t, 2, 6)
		before := len(w.route.reports)
		inFlight := make(chan struct{})
		w.route.set(func(s *script) {
			s.report = func(*proto.ReportRequest) error {
				<-inFlight
				return nil
			}
		})
		_ = first.conn.Close()
		synctest.Wait()
		_ = second.conn.Close()
		w.withTicket(t, 3, 7)
		w.withTicket(t, 4, 8)
		synctest.Wait()
		close(inFlight)
		synctest.Wait()
		reports := w.route.reports[before:]
		if len(reports) != 2 || len(reports[1].Opened) != 2 || len(reports[1].Closed) != 1 {
			t.Errorf("reported %v", reports)
		}
	})
}

// A CIM connection has no number before the answer. So a route can tell a repeated
// opening from another connection only if the opening says so.
func TestRepeatedOpeningOfCIMSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, inOpenMode)
		failures := 2
		w.route.set(func(s *script) {
			s.report = func(*proto.ReportRequest) error {
				if failures--; failures >= 0 {
					return errAway
				}
				return nil
			}
		})
		w.cim(t, 1)
		for w.Users() == 0 {
			waitABit()
		}
		for i, r := range w.route.reports {
			if again := r.Opened[0].Again; again != (i > 0) {
				t.Errorf("opening %d says again: %v", i+1, again)
			}
		}
		if len(w.route.reports) != 3 {
			t.Errorf("%d reports, want 3", len(w.route.reports))
		}
	})
}
