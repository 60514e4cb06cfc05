package clock

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestClockOfTheStore(t *testing.T) {
	one, two, three := new(redis.Client), new(redis.Client), new(redis.Client)
	at := func(mono, wall int64) Moment { return Moment{mono: mono, wall: wall} }
	c := New(time.Now)
	want := func(what string, now Moment, ms int64, sure bool) {
		t.Helper()
		if got, ok := c.At(now); got != ms || ok != sure {
			t.Errorf("%s: it is %d, %v, want %d, %v", what, got, ok, ms, sure)
		}
	}
	want("nothing heard", at(0, 0), 0, false)
	c.Hear(one, 5_000, at(100, 7_000), at(120, 7_020))
	want("half the round trip later", at(110, 7_010), 5_000, true)
	want("the process's clock goes on", at(30_110, 37_010), 35_000, true)
	if c.Due(one, at(1_000, 7_900)) || !c.Due(one, at(1_110, 8_010)) || !c.Due(two, at(120, 7_020)) {
		t.Error("a reading is due after a second, and where there is none")
	}
	if c.Due(one, at(1_120, 8_020)) || c.Due(two, at(1_000, 7_900)) || !c.Due(two, at(1_120, 8_020)) {
		t.Error("one pipeline at a time brings a reading, until a second has passed without")
	}
	c.Hear(two, 0, at(1_120, 8_020), at(1_130, 8_030))
	if !c.Due(two, at(1_130, 8_030)) {
		t.Error("a reading that failed is not due again")
	}
	c.Hear(one, 99_000, at(200, 7_100), at(2_400, 9_300))
	want("an answer that took too long", at(110, 7_010), 5_000, true)
	c.Hear(two, 1_000_000, at(100, 7_000), at(100, 7_000))
	c.Hear(three, 5_003, at(100, 7_000), at(100, 7_000))
	want("the median of three", at(110, 7_010), 5_013, true)
	want("a minute later", at(61_000, 68_000), 0, false)

	c.Hear(one, 5_000, at(100, 7_000), at(100, 7_000))
	want("the process stood still for an hour", at(110, 7_010+3_600_000), 0, false)
	c.Hear(one, 5_000, at(100, 7_000), at(100, 7_000))
	want("its clock was set back", at(110, 7_010-3_600_000), 0, false)
}
