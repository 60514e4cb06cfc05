package bench

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Check finds every lost, doubled and misplaced message, and nothing else.
func TestOrderFindsWhatIsWrong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		end := rapid.IntRange(1, 60).Draw(t, "end")
		came := make([]int, 0, end)
		lost := int64(0)
		for n := range end {
			if rapid.IntRange(0, 9).Draw(t, "fate") == 0 {
				lost++
				continue
			}
			came = append(came, n)
		}
		if rapid.Bool().Draw(t, "shuffled") {
			came = rapid.Permutation(came).Draw(t, "came")
		}
		var twice int64
		if len(came) > 0 && rapid.Bool().Draw(t, "doubled") {
			again := rapid.SampledFrom(came).Draw(t, "again")
			at := slices.Index(came, again) + 1
			came = slices.Insert(came, rapid.IntRange(at, len(came)).Draw(t, "at"), again)
			twice = 1
		}
		var o order
		var c Check
		for _, n := range came {
			o.note(n, &c)
		}
		if c.Lost = o.missing(end); c.Lost != lost || c.Twice != twice {
			t.Errorf("%v of %d: %+v, want lost %d, twice %d", came, end, c, lost, twice)
		}
		if slices.IsSorted(came) && lost == 0 && c.Early != 0 {
			t.Errorf("%v: %d early", came, c.Early)
		}
	})
}
