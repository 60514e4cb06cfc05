package gossip

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

const (
	rememberFor   = 24 * time.Hour
	rememberEvery = 10 * time.Minute // how old a member's entry gets before it is renewed
	maxRemembered = 4096             // members; a cluster of 1,000 whose nodes are all replaced thrice a day
)

// seenMembers is when each gossip address was last that of a member, as it
// stands in the file.
type seenMembers map[netip.AddrPort]time.Time

// loadSeen reads the file. What cannot be read is not remembered: these are
// further seeds, and no start may fail for them.
func loadSeen(path string, now time.Time, log *slog.Logger) seenMembers {
	seen := make(seenMembers)
	if path == "" {
		return seen
	}
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &seen)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("remembered members not read", "err", err)
	}
	if seen == nil { // the file said null
		seen = make(seenMembers)
	}
	seen.forget(now)
	return seen
}

// forget drops who has not been seen for a day.
func (s seenMembers) forget(now time.Time) (changed bool) {
	for addr, at := range s {
		if now.Sub(at) > rememberFor {
			delete(s, addr)
			changed = true
		}
	}
	return changed
}

// add notes that addr is a member's now and reports whether that is worth
// writing.
func (s seenMembers) add(addr netip.AddrPort, now time.Time) (changed bool) {
	at, ok := s[addr]
	if !ok && len(s) >= maxRemembered || ok && now.Sub(at) < rememberEvery {
		return false
	}
	s[addr] = now
	return true
}

// remembered returns the addresses of the members of the last day.
func (g *Gossip) remembered() []netip.AddrPort {
	g.mu.Lock()
	defer g.mu.Unlock()
	addrs := make([]netip.AddrPort, 0, len(g.seen))
	for addr := range g.seen {
		addrs = append(addrs, addr)
	}
	return addrs
}

// remember notes the members that live and writes the file if they are others
// than it says. Without a file it remembers for this process: an address seen
// before a split is where the other side is.
func (g *Gossip) remember(now time.Time) {
	g.mu.Lock()
	changed := g.seen.forget(now)
	for _, p := range g.peers {
		changed = g.seen.add(p.addr, now) || changed
	}
	b, err := json.MarshalIndent(g.seen, "", "\t")
	g.mu.Unlock()
	if g.cfg.Remember == "" || !changed {
		return
	}
	if err == nil {
		err = replaceFile(g.cfg.Remember, b)
	}
	if err != nil {
		g.log.Warn("members not remembered", "err", err)
	}
}

// replaceFile writes a file as a whole or not at all.
func replaceFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
