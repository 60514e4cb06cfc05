package gossip

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cim-go/cim/proto/retry"
)

const (
	joinWidth   = 3 // addresses to join at the same time
	backoffLast = 30 * time.Second
)

// joinLoop keeps this node joined. See "Staying together" in doc.go.
func (g *Gossip) joinLoop(ctx context.Context) {
	j := &joiner{Gossip: g}
	for ctx.Err() == nil {
		wait := j.step(ctx)
		select {
		case <-ctx.Done():
		case <-g.doubted:
		case <-time.After(wait):
		}
	}
}

// A joiner is the state of joinLoop.
type joiner struct {
	*Gossip
	rounds int    // consecutive rounds without a member
	logged string // the last error that was logged
}

// step runs one round of joinLoop and returns how long to wait before the next.
func (j *joiner) step(ctx context.Context) time.Duration {
	if !j.confirmed(ctx) {
		drain(j.doubted) // empty it, because confirmed may have filled it again
		return j.cfg.backoffFirst
	}
	defer j.remember(time.Now())
	all, seeds, err := j.candidates(ctx)
	live := j.live()
	if len(live) > 0 {
		j.rounds = 0
		j.rejoin(all, live)
		return j.cfg.rejoinEvery
	}
	joined, failed := j.join(ctx, all)
	if len(j.live()) > 0 {
		j.rounds, j.logged = 0, ""
		return j.cfg.backoffFirst // the next step checks whether a member has confirmed us
	}
	if len(all) == 0 && err == nil {
		return j.cfg.rejoinEvery
	}
	if joined {
		err = errors.Join(err, errors.New("the addresses that answered are of no other member"))
	}
	ready, _ := j.Ready()
	for _, f := range failed {
		err = errors.Join(err, f.err)
		if errors.Is(f.err, ErrWrongKey) && seeds[f.addr] && !ready { // after this node was ready, the error is only logged
			j.stop(f.err)
			return 0
		}
	}
	j.report(err, len(all))
	j.rounds++
	return retry.Delay(j.rounds-1, j.cfg.backoffFirst, backoffLast, rand.Float64())
}

// report logs why no member was found. The line is a warning if the reason is new, and
// otherwise for debugging.
func (j *joiner) report(err error, tried int) {
	if text := fmt.Sprint(err); text != j.logged {
		j.logged = text
		j.log.Warn("no member found", "tried", tried, "err", err)
		return
	}
	j.log.Debug("no member found", "tried", tried, "err", err)
}

// rejoin joins one random address. It picks the address from the parameter all, and
// skips the living members' addresses, which are in live.
func (j *joiner) rejoin(all []netip.AddrPort, live map[netip.AddrPort]bool) {
	unseen := slices.DeleteFunc(all, func(a netip.AddrPort) bool { return live[a] })
	if len(unseen) == 0 {
		return
	}
	addr := unseen[rand.IntN(len(unseen))]
	if err := j.joinOne(addr); err != nil {
		j.log.Debug("address of no living member did not answer", "addr", addr, "err", err)
	}
}

// failure is an address that this node could not join.
type failure struct {
	addr netip.AddrPort
	err  error
}

// join tries to join addresses in random order, three at a time, until one succeeds. It
// blocks for up to 2 s per three addresses.
func (g *Gossip) join(ctx context.Context, addrs []netip.AddrPort) (joined bool, failed []failure) {
	rand.Shuffle(len(addrs), func(i, j int) { addrs[i], addrs[j] = addrs[j], addrs[i] })
	for some := range slices.Chunk(addrs, joinWidth) {
		errs := make([]error, len(some))
		var wg sync.WaitGroup
		for i, addr := range some {
			wg.Go(func() { errs[i] = g.joinOne(addr) })
		}
		wg.Wait()
		for i, err := range errs {
			if err == nil {
				joined = true
			} else {
				failed = append(failed, failure{some[i], err})
			}
		}
		if joined || ctx.Err() != nil {
			break
		}
	}
	return joined, failed
}

// joinOne exchanges all state with the node at addr. It blocks for 2 s if no node
// answers. The error wraps ErrWrongKey if the keys differ.
func (g *Gossip) joinOne(addr netip.AddrPort) error {
	_, err := g.list.Join([]string{addr.String()})
	if err == nil {
		g.metrics.joins.WithLabelValues("joined").Inc()
		return nil
	}
	g.metrics.joins.WithLabelValues("failed").Inc()
	return fmt.Errorf("join %s: %w", addr, explain(err))
}

// explain replaces an error of memberlist by a short one that names the cause. memberlist
// has no sentinel errors, so explain compares texts.
func explain(err error) error {
	text := strings.ToLower(err.Error())
	switch {
	case strings.Contains(text, "no installed keys could decrypt"),
		strings.Contains(text, "encryption is configured but remote"),
		strings.Contains(text, "encryption is not configured"):
		return ErrWrongKey
	case strings.Contains(text, "eof"), strings.Contains(text, "connection reset"):
		return errors.New("connection closed without an answer; is the cluster name the same?")
	case strings.Contains(text, "connection refused"):
		return errors.New("connection refused")
	case strings.Contains(text, "i/o timeout"):
		return errors.New("timed out without an answer")
	}
	return err
}

// confirmed reports whether another member has confirmed that we live at our address.
// If not, it joins the living members again, which makes them confirm the address.
//
// If a node at another address has our name, confirmed joins that node first. If that
// node answers, resolveName decides which one keeps the name. If it does not answer, the
// name becomes free when the others have found that node dead.
func (g *Gossip) confirmed(ctx context.Context) bool {
	g.mu.Lock()
	doubt, accepted := g.doubt, g.accepted
	g.mu.Unlock()
	if addr, err := netip.ParseAddrPort(doubt); err == nil {
		_ = g.joinOne(addr) // MergeRemoteState handles the answer
	}
	live := slices.Collect(maps.Keys(g.live()))
	if accepted || len(live) == 0 || ctx.Err() != nil {
		return true
	}
	g.join(ctx, live)
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.accepted
}

func drain(c chan struct{}) {
	select {
	case <-c:
	default:
	}
}
