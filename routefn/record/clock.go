package record

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// hearEvery is the age of a reading, in ms, from which on the next pipeline to the
	// server brings another: a jump of its clock is known after so long.
	hearEvery = 1_000
	// heardLongest is the age in ms up to which a reading counts. Clocks drift by
	// 6 ms in a minute at 100 ppm, which is worse than most.
	heardLongest = 60_000
	// slowest is what an answer that brings a reading may take, in ms: the reading is
	// wrong by half of it at most.
	slowest = 2_000
	// stoodStill is the difference in ms between the two clocks of the process from
	// which on one of them stood still or was set, so that no reading counts any more.
	stoodStill = 1_000
)

// clock tells the time of the store: what every time that is stored, and every
// decision by age, comes from. Routes whose clocks differ, and are set, agree in it.
//
// The servers tell their time in pipelines that are sent anyway, once a second;
// in between the monotonic clock of the process is added. In a Cluster the median
// of the masters counts, so that one of them alone cannot be wrong. The wall clock
// of the process shows that the monotonic one stood still, as that of a frozen
// function does, and for nothing else: the servers are asked again then.
type clock struct {
	wall  func() time.Time
	begun time.Time

	mu    sync.Mutex
	heard map[*redis.Client]reading
}

// moment is a moment by the two clocks of the process, in ms since they began.
type moment struct{ mono, wall int64 }

// reading is what a server's clock showed, in ms since 1970, and when.
type reading struct {
	shown int64
	at    moment
}

func newClock(wall func() time.Time) *clock {
	return &clock{wall: wall, begun: time.Now(), heard: make(map[*redis.Client]reading)}
}

func (c *clock) moment() moment {
	return moment{mono: time.Since(c.begun).Milliseconds(), wall: c.wall().UnixMilli()}
}

// within reports whether the reading is younger than age, in ms, and nothing
// happened to the clocks of the process since.
func (r reading) within(age int64, now moment) bool {
	mono, wall := now.mono-r.at.mono, now.wall-r.at.wall
	return mono < age && max(mono-wall, wall-mono) <= stoodStill
}

// due reports whether the next pipeline to a server should bring a reading.
func (c *clock) due(client *redis.Client, now moment) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.heard[client]
	return !ok || !r.within(hearEvery, now)
}

// hear takes the answer of a server to TIME, asked and answered at these moments.
func (c *clock) hear(client *redis.Client, answer any, asked, answered moment) {
	shown, took := clockMs(answer), answered.mono-asked.mono
	if shown <= 0 || took > slowest {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard[client] = reading{shown: shown - took/2, at: asked}
}

// at returns the time of the store at a moment; false if no reading counts.
func (c *clock) at(now moment) (int64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	times := make([]int64, 0, 8)
	for client, r := range c.heard {
		if !r.within(heardLongest, now) {
			delete(c.heard, client)
			continue
		}
		times = append(times, r.shown+now.mono-r.at.mono)
	}
	if len(times) == 0 {
		return 0, false
	}
	slices.Sort(times)
	return times[(len(times)-1)/2], true
}

// earliest returns what is the time for certain, in ms since 1970, unless both the
// store and this process are ahead.
func (c *clock) earliest() int64 {
	now := c.moment()
	if ms, ok := c.at(now); ok {
		return min(ms, now.wall)
	}
	return now.wall
}

// Now returns the time of the store in ms since 1970, as it was heard lately; zero if it
// was not. It does not block.
func (s *Store) Now() int64 {
	ms, _ := s.clock.at(s.clock.moment())
	return ms
}

// now returns the time of the store in ms since 1970. It asks only if nothing was
// heard for a minute, or the process stood still. The error is ErrUnavailable.
func (s *Store) now(ctx context.Context) (int64, error) {
	if ms, ok := s.clock.at(s.clock.moment()); ok {
		return ms, nil
	}
	ask := readOf(routeKey, askTime)
	s.run(ctx, "clock", ask)
	if ask.err != nil {
		return 0, fmt.Errorf("ask store for its time: %w", ask.err)
	}
	return clockMs(ask.reply[0]), nil // although the wall clock may have been set again since
}

// Clock returns the time of the store in ms since 1970, as it was heard within the last
// minute; false if it was not. It asks nobody.
func (s *Store) Clock() (ms int64, ok bool) { return s.clock.at(s.clock.moment()) }
