package clock

import (
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// hearEvery is how old the reading of a server's clock may be, in ms, before the next
	// pipeline to that server reads the clock again. So a jump of the clock is noticed
	// within that time.
	hearEvery = 1_000
	// heardLongest is the age in ms up to which a reading counts. In a minute, a clock
	// that is wrong by 100 ppm drifts by 6 ms, and most clocks drift less.
	heardLongest = 60_000
	// slowest is how long an answer with a reading may take, in ms. If it takes longer,
	// the reading is dropped. A reading is wrong by at most half of the time that its
	// answer takes.
	slowest = 2_000
	// stoodStill bounds how far the monotonic clock and the wall clock of the process may
	// drift apart since a reading, in ms. If they drift further, one of them stood still
	// or was set. Then that reading no longer counts.
	stoodStill = 1_000
)

// Clock knows the time of the store. Every stored time is this time, and every decision
// about age uses it. So all routes use the same time, even if their own clocks differ
// or are set.
//
// Once per second, a pipeline that is sent for another purpose also reads the time of its
// server. In between, Clock adds the monotonic time of the process. In a Cluster it uses
// the median of the masters' times, so that one wrong master does not matter. It uses the
// wall clock of the process only to notice that the monotonic clock stood still, as in a
// frozen function. Then the time of the servers is read again.
type Clock struct {
	wall  func() time.Time
	begun time.Time

	mu    sync.Mutex
	heard map[*redis.Client]reading
	asked map[*redis.Client]Moment // when the last pipeline that reads the server's clock was sent
}

// Moment is the time on both clocks of the process: mono in ms since the Clock was made,
// and wall in ms since 1970.
type Moment struct{ mono, wall int64 }

// reading is a time in ms since 1970 that a server's clock showed, and the moment at
// which the clock showed it.
type reading struct {
	shown int64
	at    Moment
}

// New returns a Clock without a reading. wall is the wall clock of the process.
func New(wall func() time.Time) *Clock {
	return &Clock{wall: wall, begun: time.Now(), heard: make(map[*redis.Client]reading), asked: make(map[*redis.Client]Moment)}
}

// Moment returns the present moment.
func (c *Clock) Moment() Moment {
	return Moment{mono: time.Since(c.begun).Milliseconds(), wall: c.wall().UnixMilli()}
}

// within reports whether the reading counts. It must be younger than the parameter age
// says, in ms. Since the reading, no clock of the process may have stood still or been
// set.
func (r reading) within(age int64, now Moment) bool {
	mono, wall := now.mono-r.at.mono, now.wall-r.at.wall
	return mono < age && max(mono-wall, wall-mono) <= stoodStill
}

// Due reports whether the caller's pipeline to the server of client should read the
// server's clock. It returns true once a second, however many pipelines are sent at
// once.
func (c *Clock) Due(client *redis.Client, now Moment) bool {
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

// Hear stores what a server's clock showed, in ms since 1970. If shown is zero, the
// server did not answer. The parameter asked is the moment before the pipeline was sent,
// and received is the moment after the answer.
func (c *Clock) Hear(client *redis.Client, shown int64, asked, received Moment) {
	took := received.mono - asked.mono
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.asked, client)
	if shown <= 0 || took > slowest {
		return
	}
	c.heard[client] = reading{shown: shown - took/2, at: asked}
}

// At returns the time of the store at the moment now, in ms since 1970, or false if no
// reading counts.
func (c *Clock) At(now Moment) (int64, bool) {
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

// Earliest returns the earlier of the store's time and this process's time, in ms since
// 1970. The result is later than the true time only if both clocks are ahead.
func (c *Clock) Earliest() int64 {
	now := c.Moment()
	if ms, ok := c.At(now); ok {
		return min(ms, now.wall)
	}
	return now.wall
}

// Wall returns the time of the process's wall clock.
func (c *Clock) Wall() time.Time { return c.wall() }
