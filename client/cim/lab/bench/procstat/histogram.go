package procstat

import (
	"math/bits"
	"time"
)

// Values are in nanoseconds. The values from one power of two to the next are spread over
// subBuckets buckets. So a quantile is wrong by at most 1/32, or 3 %.
const (
	subBits    = 5
	subBuckets = 1 << subBits
	buckets    = (64 - subBits + 1) * subBuckets
)

// Histogram counts times in buckets of equal relative width. Recording costs a few
// nanoseconds and no memory. The zero Histogram is empty. A Histogram is for one
// goroutine at a time.
type Histogram struct {
	counts [buckets]uint64
	total  uint64
	max    time.Duration
}

// Record counts a time; a negative one counts as zero.
func (h *Histogram) Record(d time.Duration) {
	d = max(d, 0)
	h.counts[bucketOf(uint64(d))]++
	h.total++
	h.max = max(h.max, d)
}

// bucketOf returns the bucket of a value. Each value below subBuckets has a bucket of its
// own. Of a larger value, only the leading bit and the next subBits bits count.
func bucketOf(v uint64) int {
	if v < subBuckets {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return (shift+1)*subBuckets + int(v>>shift) - subBuckets
}

// highest returns the largest value that belongs to a bucket.
func highest(bucket int) uint64 {
	if bucket < subBuckets {
		return uint64(bucket)
	}
	shift := bucket/subBuckets - 1
	return uint64(bucket%subBuckets+subBuckets+1)<<shift - 1
}

// Quantile returns a time that the part q of all recorded times does not exceed. The
// parameter q is from 0 to 1. If nothing was recorded, the result is zero.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := max(1, uint64(q*float64(h.total)+0.5))
	var seen uint64
	for bucket, n := range h.counts {
		if seen += n; n > 0 && seen >= rank {
			return min(time.Duration(highest(bucket)), h.max)
		}
	}
	return h.max
}

// Max returns the longest time, exactly.
func (h *Histogram) Max() time.Duration { return h.max }

// Count returns how many times were recorded.
func (h *Histogram) Count() uint64 { return h.total }

// Reset empties the histogram.
func (h *Histogram) Reset() { *h = Histogram{} }
