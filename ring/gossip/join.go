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
)

const (
	joinWidth   = 3 // addresses tried at once
	backoffLast = 30 * time.Second
)

// backoff returns how long to wait after so many rounds in vain: anything up to
// a bound that doubles from first to 30 s (full jitter), so that nodes that
// start together do not try together.
func backoff(first time.Duration, rounds int) time.Duration {
	most := backoffLast
	if rounds < 16 {
		most = min(most, first<<rounds)
	}
	return rand.N(most)
}

// joinLoop keeps this node joined; see "Staying together" in doc.go.
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

// A joiner is what joinLoop remembers from step to step.
type joiner struct {
	*Gossip
	rounds int    // in vain, one after another
	told   string // the last error that the log has
}

// step does what is next and returns how long to wait after it.
func (j *joiner) step(ctx context.Context) time.Duration {
	if !j.known(ctx) {
		drain(j.doubted) // raised again by the asking itself
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
		j.rounds, j.told = 0, ""
		return j.cfg.backoffFirst // to see whether we are known
	}
	if len(all) == 0 && err == nil {
		return j.cfg.rejoinEvery
	}
	if joined {
		err = errors.Join(err, errors.New("whoever answered is no other member"))
	}
	ready, _ := j.Ready()
	for _, f := range failed {
		err = errors.Join(err, f.err)
		if errors.Is(f.err, ErrWrongKey) && seeds[f.addr] && !ready { // at start; later it is only told
			j.stop(f.err)
			return 0
		}
	}
	j.report(err, len(all))
	j.rounds++
	return backoff(j.cfg.backoffFirst, j.rounds-1)
}

// report logs why nobody was found, at once when the reason is a new one.
func (j *joiner) report(err error, tried int) {
	if text := fmt.Sprint(err); text != j.told {
		j.told = text
		j.log.Warn("no member found", "tried", tried, "err", err)
		return
	}
	j.log.Debug("no member found", "tried", tried, "err", err)
}

// rejoin tries one address that stands for no member we see.
func (j *joiner) rejoin(all []netip.AddrPort, live map[netip.AddrPort]bool) {
	unseen := slices.DeleteFunc(all, func(a netip.AddrPort) bool { return live[a] })
	if len(unseen) == 0 {
		return
	}
	addr := unseen[rand.IntN(len(unseen))]
	if err := j.joinOne(addr); err != nil {
		j.log.Debug("unseen member did not answer", "addr", addr, "err", err)
	}
}

// failure is an address that did not let us in.
type failure struct {
	addr netip.AddrPort
	err  error
}

// join tries addresses in random order, three at once, until one has let us in.
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

// joinOne exchanges all state with the node at addr. It blocks for 2 s where
// nobody answers. An error wraps ErrWrongKey if that is it.
func (g *Gossip) joinOne(addr netip.AddrPort) error {
	_, err := g.list.Join([]string{addr.String()})
	if err == nil {
		g.metrics.joins.WithLabelValues("joined").Inc()
		return nil
	}
	g.metrics.joins.WithLabelValues("failed").Inc()
	return fmt.Errorf("join %s: %w", addr, explain(err))
}

// explain turns what memberlist says into what is wrong. It has no sentinels,
// and joins what it says in several lines.
func explain(err error) error {
	text := strings.ToLower(err.Error())
	switch {
	case strings.Contains(text, "no installed keys could decrypt"),
		strings.Contains(text, "encryption is configured but remote"),
		strings.Contains(text, "encryption is not configured"):
		return ErrWrongKey
	case strings.Contains(text, "eof"), strings.Contains(text, "connection reset"):
		return errors.New("hung up without an answer; is its cluster name the same?")
	case strings.Contains(text, "connection refused"):
		return errors.New("connection refused")
	case strings.Contains(text, "i/o timeout"):
		return errors.New("no answer in time")
	}
	return err
}

// known reports whether the members we know hold us to be at our address, which
// joining one of them again brings out and about. If it is in doubt because a
// node elsewhere has our name, that node is asked first: if it answers,
// meetDouble settles who keeps the name, and if it does not, our name is free
// as soon as the others find it dead.
func (g *Gossip) known(ctx context.Context) bool {
	g.mu.Lock()
	doubt, accepted := g.doubt, g.accepted
	g.mu.Unlock()
	if addr, err := netip.ParseAddrPort(doubt); err == nil {
		_ = g.joinOne(addr) // an answer comes to MergeRemoteState
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
