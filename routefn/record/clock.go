package record

import (
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// If a reading is older than hearEvery, in ms, the next pipeline to the server
	// brings another. So a jump of the server's clock is noticed after that time.
	hearEvery = 1_000
	// heardLongest is the age in ms up to which a reading counts. Clocks drift by
	// 6 ms in a minute at 100 ppm, which is worse than most.
	heardLongest = 60_000
	// slowest is how long an answer that brings a reading may take, in ms. The
	// reading is wrong by at most half of that.
	slowest = 2_000
	// If the two clocks of the process differ by stoodStill, in ms, one of them stood
	// still or was set. Then no reading counts any more.
	stoodStill = 1_000
)

// clock has the time of the store. Every stored time and every decision by age uses
// it. So routes whose own clocks differ, or are set, use the same time.
//
// The servers send their time in pipelines that are sent anyway, once a second. In
// between, clock adds the monotonic time of the process. In a Cluster it uses the
// median of the masters, so that one wrong master does not matter. The wall clock of
// the process has one use only. It shows that the monotonic clock stood still, as
// that of a frozen function does. Then the servers' time is read again.
type clock struct {
	wall  func() time.Time
	begun time.Time

	mu    sync.Mutex
	heard map[*redis.Client]reading
	asked map[*redis.Client]moment // readings on their way
}

// moment is a moment on both clocks of the process, in ms since they began.
type moment struct{ mono, wall int64 }

// reading is what a server's clock showed, in ms since 1970, and when.
type reading struct {
	shown int64
	at    moment
}

func newClock(wall func() time.Time) *clock {
	return &clock{wall: wall, begun: time.Now(), heard: make(map[*redis.Client]reading), asked: make(map[*redis.Client]moment)}
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

// due reports whether the caller's pipeline to a server should bring a reading. One
// pipeline a second does, however many are sent at once.
func (c *clock) due(client *redis.Client, now moment) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok := c.heard[client]; ok && r.within(hearEvery, now) {
		return false
	}
	if asked, ok := c.asked[client]; ok && (reading{at: asked}).within(hearEvery, now) {
		return false
	}
	c.asked[client] = now
	return true
}

// hear stores a server's answer to TIME. asked and received are the moments before and
// after the call.
func (c *clock) hear(client *redis.Client, answer any, asked, received moment) {
	shown, took := clockMs(answer), received.mono-asked.mono
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.asked, client)
	if shown <= 0 || took > slowest {
		return
	}
	c.heard[client] = reading{shown: shown - took/2, at: asked}
}

// at returns the time of the store at a moment, or false if no reading counts.
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

// earliest returns the earlier of the store's time and this process's time, in ms since
// 1970. It is too late only if both clocks are ahead.
func (c *clock) earliest() int64 {
	now := c.moment()
	if ms, ok := c.at(now); ok {
		return min(ms, now.wall)
	}
	return now.wall
}
