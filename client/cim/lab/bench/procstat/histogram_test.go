package procstat

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestQuantileIsWithinThreePercent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(rapid.Int64Range(0, int64(time.Hour)), 1, 300).Draw(t, "times")
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		var h Histogram
		for _, v := range times {
			h.Record(time.Duration(v))
		}
		slices.Sort(times)
		rank := max(1, int(q*float64(len(times))+0.5))
		exact, got := times[rank-1], int64(h.Quantile(q))
		if got < exact || got > exact+exact/subBuckets {
			t.Errorf("quantile %v of %d times is %d, exactly %d", q, len(times), got, exact)
		}
		if h.Max() != time.Duration(times[len(times)-1]) || h.Count() != uint64(len(times)) {
			t.Errorf("max %v, count %d", h.Max(), h.Count())
		}
	})
}

func TestEveryValueHasItsBucket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Uint64().Draw(t, "v")
		b := bucketOf(v)
		if v > highest(b) || b > 0 && v <= highest(b-1) {
			t.Errorf("%d is in bucket %d, which ends at %d", v, b, highest(b))
		}
	})
}

func TestNegativeTimesAndNoTimes(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 {
		t.Error("an empty histogram has a median")
	}
	h.Record(-time.Second)
	if h.Quantile(1) != 0 || h.Count() != 1 {
		t.Errorf("%v of %d", h.Quantile(1), h.Count())
	}
	h.Reset()
	if h.Count() != 0 {
		t.Error("not empty after Reset")
	}
}
