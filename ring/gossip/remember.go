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
	rememberEvery = 10 * time.Minute // a living member's entry is renewed at this age
	maxRemembered = 4096             // members; enough for a cluster of 1,000 that is replaced three times a day
)

// seenMembers has the gossip addresses of members, each with the time when a member last
// had that address. The file contains this map as JSON.
type seenMembers map[netip.AddrPort]time.Time

// loadSeen reads the remembered members from the file. If the file cannot be read, it
// returns no members. That is no error, because they are only further seeds.
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
		log.Warn("remembered members cannot be read", "err", err)
	}
	if seen == nil { // the file contains only null
		seen = make(seenMembers)
	}
	seen.forget(now)
	return seen
}

// forget deletes the addresses that were not seen for a day.
func (s seenMembers) forget(now time.Time) (changed bool) {
	for addr, at := range s {
		if now.Sub(at) > rememberFor {
			delete(s, addr)
			changed = true
		}
	}
	return changed
}

// add records that addr is a member's address now. It reports whether the map changed.
// For an address that is already there, the map changes at most once per rememberEvery.
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

// remember stores the living members' addresses and writes the file if they have changed.
// Without a file it keeps the addresses only in this process. They are useful there, too,
// because after a network split they lead to the other side.
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
		g.log.Warn("members cannot be remembered", "err", err)
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
