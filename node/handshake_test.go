package node

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

func TestLoginIsConfirmedByARoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		w.route.set(func(s *script) {
			s.opening = func(o *proto.Opening) *proto.Opened {
				return &proto.Opened{
					Newest:  []*proto.Mark{{Epoch: epoch, Number: 4, Key: "2:d"}, {Log: 1, Epoch: epoch, Number: 2}},
					Cursors: []*proto.Mark{{Epoch: epoch, Number: 3}},
				}
			}
		})
		p := w.withTicket(t, 1, 5)
		f := p.next(t)
		if f.Cmd != proto.Command_LOGIN_ANSWER || f.Number != 5 || f.PingSeconds != 10 ||
			f.Time != time.Now().UnixMilli() || len(f.Newest) != 2 || len(f.Cursors) != 1 {
			t.Errorf("got %v", f)
		}
		r := w.route.reports[0]
		o := r.Opened[0]
		proof := w.issuer.CheckProof(o.Session.Proof, 1, "alice", "phone", 5, nodeID)
		if r.Origin.Boot != 77 || r.Origin.Address != "10.0.0.1:8081" || o.Displaces != token.Any || proof != nil {
			t.Errorf("reported %v: %v", r, proof)
		}
		p.write(t, &proto.Frame{Cmd: proto.Command_PING})
		if f := p.next(t); f.Cmd != proto.Command_PING {
			t.Errorf("a ping was answered with %v", f)
		}
		_ = p.conn.Close()
		synctest.Wait()
		wantNumbers(t, "closed", w.route.closings(), 5)
	})
}

func TestLoginRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		login func(*testing.T, *town) string
		code  proto.Code
	}{
		"another node's": {func(t *testing.T, w *town) string {
			return w.ticket(t, 1, 5, func(k *token.Ticket) { k.Node = "n2" })
		}, proto.WrongNode},
		"a flipped bit": {func(t *testing.T, w *town) string {
			b := []byte(w.ticket(t, 1, 5, nil))
			b[10] ^= 1
			return string(b)
		}, proto.BadTicket},
		"another cluster's": {func(t *testing.T, w *town) string {
			w.issuer, _ = token.NewIssuer([]byte("another route key"))
			return w.ticket(t, 1, 5, nil)
		}, proto.BadTicket},
		"of a node that knows no key yet": {func(t *testing.T, w *town) string {
			w.config.Verifier.Set()
			return w.ticket(t, 1, 5, nil)
		}, proto.Unavailable},
		"too long": {func(*testing.T, *town) string { return strings.Repeat("x", 10000) }, proto.BadTicket},
	} {
		t.Run(name, inBubble(func(t *testing.T) {
			w := start(t, nil)
			w.dial(t, &proto.Frame{Ticket: c.login(t, w)}).kicked(t, c.code)
			if len(w.route.reports) > 0 || w.Connections() > 0 {
				t.Error("a refused login was reported or is still here")
			}
		}))
	}
}

func TestLoginWithoutTicketNeedsOpenMode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		w.cim(t, 1).ended(t)
	})
}

// An empty frame decodes as a login of user 0.
func TestEmptyFrameIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, inOpenMode)
		w.dial(t, &proto.Frame{}).ended(t)
		if len(w.route.reports) > 0 {
			t.Error("user 0 was reported")
		}
	})
}

func TestRouteMayRefuse(t *testing.T) {
	for _, code := range []proto.Code{proto.Rejected, proto.SessionUnknown, proto.BadTicket} {
		t.Run(code.String(), inBubble(func(t *testing.T) {
			w := start(t, nil)
			w.route.set(func(s *script) {
				s.opening = func(*proto.Opening) *proto.Opened { return &proto.Opened{Code: int32(code)} }
			})
			w.withTicket(t, 1, 5).kicked(t, code)
			synctest.Wait()
			wantNumbers(t, "closed", w.route.closings())
		}))
	}
}

func TestConnectionThatNobodyConfirmsIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		w.route.set(func(s *script) {
			s.report = func(r *proto.ReportRequest) error {
				if len(r.Opened) > 0 {
					return errAway
				}
				return nil
			}
		})
		began := time.Now()
		w.withTicket(t, 1, 5).kicked(t, proto.NotOpened)
		if took := time.Since(began); took < 10*time.Second || took > 12*time.Second {
			t.Errorf("closed after %v", took)
		}
		time.Sleep(5 * time.Second)
		wantNumbers(t, "closed", w.route.closings(), 5) // the opening may have been taken
	})
}

func TestOpeningIsRepeatedUntilARouteAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		failures := 3
		w.route.set(func(s *script) {
			s.report = func(*proto.ReportRequest) error {
				if failures--; failures >= 0 {
					return errAway
				}
				return nil
			}
		})
		codes := []proto.Code{proto.Unavailable, proto.Unavailable}
		w.route.set(func(s *script) {
			s.opening = func(*proto.Opening) *proto.Opened {
				if len(codes) == 0 {
					return nil
				}
				code := codes[0]
				codes = codes[1:]
				return &proto.Opened{Code: int32(code)}
			}
		})
		w.login(t, 1, 5)
		if n := len(w.route.reports); n != 6 {
			t.Errorf("%d reports, want 6", n)
		}
	})
}

// While no route has confirmed the connection, the answer to a push must not say that
// the user is not here, because the route would close the number.
func TestPendingIsNeverNotHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		confirm := make(chan struct{})
		w.route.set(func(s *script) { s.report = func(*proto.ReportRequest) error { <-confirm; return nil } })
		p := w.withTicket(t, 1, 5)
		synctest.Wait()
		stored := w.route.store(t, proto.Inbox, 2, 1, "hi")
		answer := w.Push(push(&proto.PushItem{User: 1, Numbers: []int64{5, 4}, Stored: stored},
			&proto.PushItem{Stored: w.route.store(t, proto.Everyone, 2, 0, "all")}))
		wantNumbers(t, "gone", answer.Items[0].Gone, 4)
		w.route.set(func(s *script) {
			s.opening = func(*proto.Opening) *proto.Opened { // read before those were stored
				return &proto.Opened{Newest: []*proto.Mark{{Epoch: epoch}, {Log: 1, Epoch: epoch}}}
			}
		})
		p.quiet(t)
		close(confirm)
		f := p.next(t)
		if f.Cmd != proto.Command_LOGIN_ANSWER {
			t.Fatalf("got %v", f)
		}
		wantNumbers(t, "newest", numbersOf(f.Newest), 1, 1)
	})
}

func TestNothingMayBeSentBeforeTheLoginAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		confirm := make(chan struct{})
		w.route.set(func(s *script) { s.report = func(*proto.ReportRequest) error { <-confirm; return nil } })
		p := w.withTicket(t, 1, 5)
		synctest.Wait() // the opening is on its way: else there is nothing to close
		p.write(t, &proto.Frame{Cmd: proto.Command_PING})
		if f := p.next(t); f.Cmd != proto.Command_PING {
			t.Errorf("got %v", f)
		}
		p.write(t, &proto.Frame{Cmd: proto.Command_SEND, Id: "1", To: 2, ReqMsg: "hi"})
		p.kicked(t, proto.BadFrame)
		close(confirm)
		synctest.Wait()
		wantNumbers(t, "closed", w.route.closings(), 5)
	})
}

func TestDisplacedConnectionIsToldAndClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		old := w.login(t, 1, 5)
		current := w.login(t, 1, 6)
		old.kicked(t, proto.Replaced)
		current.quiet(t)
		wantNumbers(t, "closed", w.route.closings())
		if w.Connections() != 1 {
			t.Errorf("%d connections", w.Connections())
		}
	})
}

func TestTicketUsedTwiceKeepsTheNumberOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		first := w.login(t, 1, 5)
		second := w.login(t, 1, 5)
		first.kicked(t, proto.Replaced)
		second.quiet(t)
		wantNumbers(t, "closed", w.route.closings())
		_ = second.conn.Close()
		synctest.Wait()
		wantNumbers(t, "closed", w.route.closings(), 5)
	})
}

// A late "offline" of an old connection must not touch the user's new one.
func TestLateCloseKeepsNewSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		old := w.login(t, 1, 5)
		w.login(t, 1, 6)
		_ = old.conn.Close()
		synctest.Wait()
		answer := w.Push(push(&proto.PushItem{User: 1, Numbers: []int64{5, 6}}))
		wantNumbers(t, "gone", answer.Items[0].Gone, 5)
		wantNumbers(t, "closed", w.route.closings())
	})
}

// A connection that is lost while its opening is at a route is reported closed after
// the opening. A CIM connection is reported under the number from the answer. A
// connection whose opening had not been sent yet is not reported at all.
func TestLostWhilePendingIsReportedClosedAfterItsOpening(t *testing.T) {
	for name, c := range map[string]struct {
		dial func(*testing.T, *town) *peer
		want int64
	}{
		"ours": {func(t *testing.T, w *town) *peer { return w.withTicket(t, 1, 5) }, 5},
		"CIM":  {func(t *testing.T, w *town) *peer { return w.cim(t, 1) }, 1001},
	} {
		t.Run(name, inBubble(func(t *testing.T) {
			w := start(t, inOpenMode)
			confirm := make(chan struct{})
			w.route.set(func(s *script) { s.report = func(*proto.ReportRequest) error { <-confirm; return nil } })
			p := c.dial(t, w)
			synctest.Wait()
			later := w.withTicket(t, 2, 6)
			synctest.Wait()
			_, _ = p.conn.Close(), later.conn.Close()
			synctest.Wait()
			if w.Connections() != 0 {
				t.Errorf("%d connections", w.Connections())
			}
			close(confirm)
			synctest.Wait()
			wantNumbers(t, "closed", w.route.closings(), c.want)
			if r := w.route.reports; len(r) != 2 || len(r[0].Opened) != 1 || len(r[1].Closed) != 1 {
				t.Errorf("reported %v", r)
			}
		}))
	}
}

func TestFullNodeSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []int
		w := start(t, func(c *Config) {
			c.Limits.Capacity = 2
			c.Load = func(eighths int) { told = append(told, eighths) }
		})
		w.login(t, 1, 5)
		time.Sleep(2 * time.Second)
		w.login(t, 2, 5)
		w.withTicket(t, 3, 5).kicked(t, proto.Full)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(told) != 2 || told[0] != 4 || told[1] != 8 {
			t.Errorf("told loads %v", told)
		}
	})
}

func TestUnknownCommandIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		for user, cmd := range []proto.Command{proto.Command_LOGIN_REQUEST, proto.Command_MESSAGE, 99} {
			p := w.login(t, int64(user+1), 5)
			p.write(t, &proto.Frame{Cmd: cmd, ReqMsg: "x"})
			p.kicked(t, proto.BadFrame)
		}
	})
}

func TestEndOfRunSaysGoingAwayAndReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, inOpenMode)
		ours, theirs := w.login(t, 1, 5), w.cim(t, 2)
		synctest.Wait()
		began := time.Now()
		w.route.set(func(s *script) { s.report = func(*proto.ReportRequest) error { return nil } })
		w.stop()
		ours.kicked(t, proto.GoingAway)
		theirs.ended(t)
		if took := time.Since(began); took > time.Second {
			t.Errorf("stopping took %v", took)
		}
		if closings := w.route.closings(); len(closings) != 2 {
			t.Errorf("closed %v", closings)
		}
	})
}

func TestEndOfRunIsBoundedWithoutARoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		w.login(t, 1, 5)
		w.route.set(func(s *script) { s.report = func(*proto.ReportRequest) error { return errAway } })
		began := time.Now()
		w.stop()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("stopping took %v", took)
		}
	})
}
